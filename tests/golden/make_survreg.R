# Reference values for one regression with censored responses: survreg() of the package survival.
#
#     Rscript make_survreg.R          # in this folder, a second; writes survreg.json; needs survival, jsonlite

suppressMessages(library(survival))
tight <- survreg.control(rel.tolerance = 1e-13, maxiter = 200)

case <- function(name, family, X, lower, upper, dist, ...) {
  # interval2: NA stands for an open end
  response <- Surv(ifelse(is.finite(lower), lower, NA), ifelse(is.finite(upper), upper, NA), type = "interval2")
  fit <- survreg(response ~ ., data.frame(X), dist = dist, control = tight, ...)
  list(
    name = name, family = family, X = lapply(X, as.numeric),
    lower = ifelse(is.finite(lower), lower, NA), upper = ifelse(is.finite(upper), upper, NA),
    coef = unname(coef(fit)), scale = fit$scale, log_likelihood = fit$loglik[2]
  )
}

lung <- lung[complete.cases(lung[, c("time", "age", "sex")]), ]
dead <- lung$status == 2
months <- 30 * floor(lung$time / 30)
lung_X <- lung[, c("age", "sex")]
longer <- ifelse(dead, lung$time, Inf)
cases <- list(
  case("tobin", "gaussian", tobin[, c("age", "quant")], ifelse(tobin$durable > 0, tobin$durable, -Inf), tobin$durable,
       "gaussian"),
  case("lung, known to the day", "log_normal", lung_X, lung$time, longer, "lognormal"),
  case("lung, known to the month", "log_normal", lung_X, ifelse(dead, pmax(months, 1), lung$time),
       ifelse(dead, months + 30, Inf), "lognormal"),
  case("lung, Gaussian", "gaussian", lung_X, lung$time, longer, "gaussian"),
  case("lung, t", "student_t", lung_X, lung$time, longer, "t", parms = 4),
  case("ovarian", "log_normal", ovarian[, c("age", "ecog.ps")], ovarian$futime,
       ifelse(ovarian$fustat == 1, ovarian$futime, Inf), "lognormal")
)

json <- function(value) as.character(jsonlite::toJSON(value, digits = I(17), auto_unbox = TRUE, na = "null"))
fields <- list(
  about = paste(
    "survreg(Surv(lower, upper, type = 'interval2') ~ .): null is an open end; coef, the intercept first, scale and",
    "log-likelihood; log_normal: of log y, the log-likelihood that of y; student_t: 4 degrees of freedom."
  ),
  date = as.character(Sys.Date()), R = R.version.string, survival = packageDescription("survival")$Version
)
parts <- c(
  vapply(names(fields), function(name) paste0(json(name), ": ", json(fields[[name]])), ""),
  paste0(json("cases"), ": [\n", paste(vapply(cases, json, ""), collapse = ",\n"), "\n]")
)
writeLines(c("{", paste(parts, collapse = ",\n"), "}"), "survreg.json")
