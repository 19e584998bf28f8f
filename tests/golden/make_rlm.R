# Resistant regression lines: MASS::rlm with Tukey's bisquare on ever fewer of the last points, as slope heuristics do.
#
#     Rscript make_rlm.R             # in this folder; writes rlm.json. A second.

suppressMessages(library(MASS))
options(digits = 17)
RNGversion("4.2.0")
set.seed(1)

case <- function(name, x, y) {
  n <- length(x)
  x <- round(x, 6) # so that the file holds exactly what was used
  y <- round(y, 6)
  fits <- lapply(seq_len(n - 1), function(r) {
    suppressWarnings(rlm(y[r:n] ~ x[r:n], psi = psi.bisquare)) # it warns after 20 steps without convergence
  })
  least_squares <- lapply(seq_len(n - 1), function(r) lm(y[r:n] ~ x[r:n]))
  list(
    name = name, x = x, y = y,
    slope = vapply(fits, function(fit) coef(fit)[[2]], 0), intercept = vapply(fits, function(fit) coef(fit)[[1]], 0),
    steps = vapply(fits, function(fit) length(fit$conv), 0L), converged = vapply(fits, `[[`, TRUE, "converged"),
    ols = vapply(least_squares, function(fit) coef(fit)[[2]], 0)
  )
}

x <- 1:40
elbow <- -12 * pmax(8 - x, 0) + 0.5 * x
df <- 6 * seq_len(20) - 1
cases <- list(
  case("line", x, 0.5 * x + rnorm(40)),
  case("elbow", x, elbow + 0.05 * rnorm(40)),
  case("elbow of a large log-likelihood", df, -54321 + 4 * elbow[1:20] + rnorm(20)),
  case("elbow per observation", df / 2000, (-54321 + 4 * elbow[1:20] + rnorm(20)) / 2000),
  case("one outlier", x, elbow + 0.05 * rnorm(40) + 30 * (x == 36)),
  case("every third an outlier", x, 0.5 * x + rnorm(40) - 25 * (x %% 3 == 0)),
  case("heavy tails", x, 0.5 * x + rt(40, 1.2)),
  case("heavy tails, uneven steps", cumsum(rexp(25)), rt(25, 1)),
  case("more than half on a line", 1:12, c(3, 9, 1, 8, 5:12)),
  case("anscombe", sort(anscombe$x3), anscombe$y3[order(anscombe$x3)]),
  case("women", women$height, women$weight),
  case("pressure", pressure$temperature, pressure$pressure)
)

json <- function(value) as.character(jsonlite::toJSON(value, digits = I(17), auto_unbox = TRUE))
fields <- list(
  about = paste(
    "rlm(y ~ x, psi = psi.bisquare) of MASS on the points r, ..., n for r = 1, ..., n - 1: slope, intercept, number of",
    "reweighting steps, whether they converged in 20; and the slope of lm."
  ),
  date = as.character(Sys.Date()), R = R.version.string, MASS = packageDescription("MASS")$Version
)
parts <- c(
  vapply(names(fields), function(name) paste0(json(name), ": ", json(fields[[name]])), ""),
  paste0(json("lines"), ": [\n", paste(vapply(cases, json, ""), collapse = ",\n"), "\n]")
)
writeLines(c("{", paste(parts, collapse = ",\n"), "}"), "rlm.json")
