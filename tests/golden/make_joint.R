# Mixtures of experts with Gaussian gates: mclust on the stacked columns (x, y), turned into gates and regressions.
#
#     Rscript make_joint.R           # in this folder; writes joint.json. Six seconds.

suppressMessages(library(mclust))
options(digits = 17)
N_STARTS <- 40

data(ethanol, package = "lattice")
data(CO2data, NOdata, package = "mixtools")
data(NPreg, package = "flexmix")
data(geyser, package = "MASS")
data_sets <- list(ethanol = ethanol, CO2data = CO2data, NOdata = NOdata, NPreg = NPreg, geyser = geyser)

log_normal <- function(rows, mean, covariance) {
  factor <- chol(covariance)
  white <- backsolve(factor, t(rows) - mean, transpose = TRUE)
  -0.5 * (colSums(white^2) + length(mean) * log(2 * pi)) - sum(log(diag(factor)))
}

# log of pi_k N(row; mean_k, covariance_k), rows x K
log_parts <- function(rows, weights, means, covariances) {
  vapply(seq_along(weights), function(k) {
    covariance <- covariances[[k]]
    log(weights[k]) + log_normal(rows, means[[k]], covariance)
  }, numeric(nrow(rows)))
}

log_sum <- function(parts) {
  top <- apply(parts, 1, max)
  top + log(rowSums(exp(parts - top)))
}

# The best regular maximum: from hierarchical clusters, then from rows nearest to K random rows.
best_fit <- function(rows, K, model) {
  scaled <- scale(rows)
  starts <- c(list(hclass(hc(rows, "VVV"), K)), lapply(seq_len(N_STARTS - 1), function(i) {
    centers <- scaled[sample(nrow(rows), K), , drop = FALSE]
    max.col(-sapply(seq_len(K), function(k) colSums((t(scaled) - centers[k, ])^2)))
  }))
  fits <- lapply(starts, function(labels) {
    if (min(tabulate(labels, K)) <= ncol(rows)) return(NULL)
    fit <- me(rows, model, unmap(labels), control = emControl(tol = 1e-15, itmax = 1e5))
    if (!is.finite(fit$loglik)) return(NULL)
    spread <- apply(fit$parameters$variance$sigma, 3, function(s) min(eigen(cov2cor(cov(rows)) * s / cov(rows))$values))
    if (min(colSums(fit$z)) < 5 || min(spread) < 1e-4) NULL else fit
  })
  fits <- Filter(Negate(is.null), fits)
  values <- vapply(fits, `[[`, 0, "loglik")
  list(fit = fits[[which.max(values)]], starts = length(starts), at_best = sum(values > max(values) - 0.01))
}

case <- function(name, data, columns, response, K, model = "VVV", weighted = FALSE) {
  set.seed(20)
  frame <- data_sets[[data]]
  copies <- if (weighted) rep_len(1:3, nrow(frame)) else rep(1L, nrow(frame))
  source <- rep(seq_len(nrow(frame)), copies) # a weight of k is k copies of the row
  frame <- frame[source, , drop = FALSE]
  rows <- unname(as.matrix(frame[c(columns, response)]))
  d <- length(columns)
  x <- seq_len(d)
  best <- best_fit(rows, K, model)
  means <- lapply(seq_len(K), function(k) best$fit$parameters$mean[, k])
  covariances <- lapply(seq_len(K), function(k) best$fit$parameters$variance$sigma[, , k])
  coef <- lapply(covariances, function(s) s[-x, x, drop = FALSE] %*% solve(s[x, x]))
  intercept <- lapply(seq_len(K), function(k) means[[k]][-x] - as.vector(coef[[k]] %*% means[[k]][x]))
  left <- lapply(seq_len(K), function(k) {
    covariances[[k]][-x, -x, drop = FALSE] - coef[[k]] %*% covariances[[k]][x, -x, drop = FALSE]
  })
  middle <- colMeans(rows)[x]
  order <- order(vapply(seq_len(K), function(k) (intercept[[k]] + coef[[k]] %*% middle)[1], 0))
  weights <- best$fit$parameters$pro
  joint <- log_sum(log_parts(rows, weights, means, covariances))
  of_x <- lapply(covariances, function(s) s[x, x, drop = FALSE])
  gate <- log_parts(rows[, x, drop = FALSE], weights, lapply(means, `[`, x), of_x)
  stack <- function(parts) aperm(array(unlist(parts[order]), c(dim(parts[[1]]), K)), c(3, 1, 2))
  some <- c(1, 2, 7, 20, nrow(rows))
  cat(sprintf("%-24s joint %.8f (mclust %.8f) conditional %.8f, best in %d of %d\n", name, sum(joint), best$fit$loglik,
    sum(joint - log_sum(gate)), best$at_best, best$starts))
  list(
    name = name, data = data, columns = I(columns), response = I(response), K = K, model = model, weighted = weighted,
    weight_sum = nrow(rows), log_likelihood = best$fit$loglik, conditional_log_likelihood = sum(joint - log_sum(gate)),
    n_parameters = nMclustParams(model, d = ncol(rows), G = K), bic = -bic(
      model, best$fit$loglik, nrow(rows), ncol(rows), K
    ), starts_at_best = best$at_best, starts = best$starts,
    gate_weights = weights[order], gate_means = do.call(rbind, lapply(means[order], `[`, x)),
    gate_covariances = stack(of_x), expert_intercept = do.call(rbind, intercept[order]),
    expert_coef = stack(coef), expert_covariances = stack(left),
    rows = list(
      index = source[some] - 1, gate = exp(gate - log_sum(gate))[some, order],
      log_joint = joint[some], log_density = (joint - log_sum(gate))[some]
    )
  )
}

cases <- list(
  case("ethanol_1", "ethanol", "E", "NOx", 2), case("ethanol_1_of_3", "ethanol", "E", "NOx", 3),
  case("ethanol_1_of_4", "ethanol", "E", "NOx", 4), case("ethanol_2", "ethanol", c("C", "E"), "NOx", 2),
  case("ethanol_2_of_3", "ethanol", c("C", "E"), "NOx", 3), case("ethanol_2_outputs", "ethanol", "E", c("NOx", "C"), 2),
  case("ethanol_weighted", "ethanol", c("C", "E"), "NOx", 2, weighted = TRUE),
  case("co2", "CO2data", "GNP", "CO2", 2), case("no", "NOdata", "NO", "Equivalence", 2),
  case("npreg", "NPreg", "x", "yn", 2), case("geyser", "geyser", "waiting", "duration", 2),
  case("geyser_diagonal", "geyser", "waiting", "duration", 2, "VVI"),
  case("geyser_diagonal_shared", "geyser", "waiting", "duration", 2, "EEI"),
  case("npreg_diagonal_shared", "NPreg", "x", c("yn", "yp"), 2, "EEI")
)

json <- function(value) as.character(jsonlite::toJSON(value, digits = I(15), auto_unbox = TRUE))
fields <- list(
  about = paste(
    "Best regular maximum of mclust's EM (me, tolerance 1e-15) on the stacked columns (columns, response) from",
    "hierarchical clusters and random nearest rows. log_likelihood and bic are of x and y together; gates are the",
    "marginal normal densities of the columns, experts the regressions that follow from the joint covariances, in",
    "ascending order of their mean of the first response at the column means. Models VVI and EEI have no regression:",
    "experts are intercepts. Weighted: weights 1, 2, 3, 1, 2, 3, ... down the rows, as copies. rows: some rows, from 0."
  ),
  date = as.character(Sys.Date()), R = R.version.string, mclust = packageDescription("mclust")$Version
)
parts <- c(
  vapply(names(fields), function(name) paste0(json(name), ": ", json(fields[[name]])), ""),
  paste0(json("joint_mixtures"), ": [\n", paste(vapply(cases, json, ""), collapse = ",\n"), "\n]")
)
writeLines(c("{", paste(parts, collapse = ",\n"), "}"), "joint.json")
