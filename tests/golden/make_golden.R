# Reference values for mixtures of linear Gaussian experts: lm, flexmix, mixtools, mclust and direct optimisation.
#
#     Rscript make_golden.R          # in this folder; writes gaussian.json. About one minute.

suppressMessages({
  library(flexmix)
  library(mixtools)
  library(mclust)
})
source("likelihood.R")
source("peers.R")
options(digits = 17)
N_STARTS <- 20

data(ethanol, package = "lattice")
data(CO2data, NOdata, tonedata, package = "mixtools")
data(NPreg, package = "flexmix")
data(geyser, mcycle, package = "MASS")
data(diamonds, package = "ggplot2")
data_sets <- list(
  ethanol = ethanol, CO2data = CO2data, NOdata = NOdata, tonedata = tonedata, NPreg = NPreg,
  geyser = geyser, mcycle = mcycle, diamonds = as.data.frame(diamonds)
)

case <- function(name, data, response, expert = character(), gate = character(), K = 2, shared = FALSE,
                 weighted = FALSE, mixtools = "") {
  list(
    name = name, data = data, response = response, expert = expert, gate = gate, K = K, shared = shared,
    weighted = weighted, mixtools = mixtools
  )
}
quadratic <- c("x", "I(x^2)")
cases <- list(
  case("npreg_constant_gate", "NPreg", "yn", quadratic),
  case("npreg_softmax_gate", "NPreg", "yn", quadratic, "x"),
  case("npreg_shared_scale", "NPreg", "yn", quadratic, shared = TRUE),
  case("npreg_weighted", "NPreg", "yn", quadratic, "x", weighted = TRUE),
  case("ethanol_constant_gate", "ethanol", "NOx", "E", mixtools = "regmixEM"),
  case("ethanol_two_features", "ethanol", "NOx", c("C", "E"), mixtools = "regmixEM"),
  case("ethanol_softmax_gate", "ethanol", "NOx", "E", "E"),
  case("co2_constant_gate", "CO2data", "CO2", "GNP", mixtools = "regmixEM"),
  case("co2_softmax_gate", "CO2data", "CO2", "GNP", "GNP", mixtools = "hmeEM"),
  case("co2_gate_only", "CO2data", "CO2", character(), "GNP"),
  case("no_constant_gate", "NOdata", "Equivalence", "NO", mixtools = "regmixEM"),
  case("no_shared_scale", "NOdata", "Equivalence", "NO", shared = TRUE, mixtools = "regmixEM"),
  case("no_softmax_gate", "NOdata", "Equivalence", "NO", "NO", mixtools = "hmeEM"),
  case("tone_constant_gate", "tonedata", "tuned", "stretchratio", mixtools = "regmixEM"),
  case("tone_softmax_gate", "tonedata", "tuned", "stretchratio", "stretchratio", mixtools = "hmeEM"),
  case("geyser_softmax_gate", "geyser", "duration", "waiting", "waiting")
)

results <- lapply(cases, function(case) {
  set.seed(20)
  value <- mixture_case(case, data_sets[[case$data]], N_STARTS)
  cat(sprintf("%-24s ML %.6f  flexmix %.6f  gradient %.1e (error %.1e) curvature %.2g, best in %d of %d\n", case$name,
    value$ml$log_likelihood, value$flexmix$log_likelihood, value$ml$gradient_max, value$ml$gradient_error,
    if (is.null(value$ml$curvature_min)) NA else value$ml$curvature_min, value$ml$starts_at_best, value$ml$starts))
  value
})

linear <- list(
  lm_case("ethanol", NOx ~ C + E, ethanol),
  lm_case("CO2data", CO2 ~ GNP, CO2data),
  lm_case("NOdata", Equivalence ~ NO, NOdata),
  lm_case("tonedata", tuned ~ stretchratio, tonedata),
  lm_case("NPreg", yn ~ x + I(x^2), NPreg),
  lm_case("mcycle", accel ~ times, mcycle),
  lm_case("geyser", duration ~ waiting, geyser),
  lm_case("ethanol", NOx ~ C + E, ethanol, weighted = TRUE),
  lm_case("geyser", cbind(waiting, duration) ~ 1, geyser),
  lm_case("ethanol", cbind(NOx, C) ~ E, ethanol),
  lm_case("diamonds", price ~ carat + cut + color + clarity + depth + table, data_sets$diamonds)
)
gaussian <- list(
  mclust_case("geyser", "duration", 2, "V", geyser), mclust_case("geyser", "duration", 2, "E", geyser),
  mclust_case("geyser", "waiting", 2, "V", geyser), mclust_case("geyser", "waiting", 2, "E", geyser),
  mclust_case("geyser", c("waiting", "duration"), 2, "VVV", geyser),
  mclust_case("geyser", c("waiting", "duration"), 2, "EEE", geyser)
)

packages <- c("flexmix", "mixtools", "mclust", "MASS", "lattice", "ggplot2", "nnet", "numDeriv")
about <- paste(
  "ml: exact local maximum of the likelihood (optim BFGS and Newton from flexmix's solutions), the best of the starts;",
  "compare with it. flexmix: as returned; it divides an expert's residual sum of squares by rows minus coefficients",
  "and refits the gate after EM, so its log-likelihood lies below ml. Experts are in ascending order of their mean at",
  "the column means of the expert's terms; the last expert's gate is zero; scales are standard deviations.",
  "weights of weighted cases: 1, 2, 3, 1, 2, 3, ... down the rows, counted as copies of the row. rows: quantities at",
  "the maximum for some rows (numbered from 0). separating: the gate is a step and the supremum is not attained, so",
  "there are no coefficients and log_likelihood is short of the supremum by up to 1e-4. starts_at_best: BFGS runs from",
  "flexmix's solutions that ended within 0.01 of the best. covariance: residual cross products over the weight sum."
)
json <- function(value) as.character(jsonlite::toJSON(value, digits = I(15), auto_unbox = TRUE, null = "null"))
# one case per line, so that a change shows as the line of its case
section <- function(name, cases) {
  paste0(json(name), ": [\n", paste(vapply(cases, json, ""), collapse = ",\n"), "\n]")
}
fields <- list(
  about = about, date = as.character(Sys.Date()), R = R.version.string,
  packages = lapply(setNames(packages, packages), function(p) packageDescription(p)$Version)
)
parts <- c(
  vapply(names(fields), function(name) paste0(json(name), ": ", json(fields[[name]])), ""),
  section("mixtures_of_experts", results), section("linear_models", linear), section("gaussian_mixtures", gaussian)
)
writeLines(c("{", paste(parts, collapse = ",\n"), "}"), "gaussian.json")
