# What lm, flexmix, mixtools and mclust say about a case, in one notation. Used by make_golden.R.

design <- function(terms, data) {
  formula <- if (length(terms)) reformulate(terms) else ~1
  unname(model.matrix(formula, data)[, , drop = FALSE])
}

copies <- function(n) as.integer(rep_len(1:3, n))

# experts ascending by mean at the column means, gate of the last one zero
canonical <- function(par, model) {
  order <- order(par$beta %*% colSums(model$X * model$w) / sum(model$w))
  gate <- par$gate[order, , drop = FALSE]
  list(
    gate = sweep(gate, 2, gate[nrow(gate), ]), beta = par$beta[order, , drop = FALSE], sigma = par$sigma[order]
  )
}

described <- function(par) {
  list(
    gate_intercept = par$gate[, 1], gate_coef = par$gate[, -1, drop = FALSE], expert_intercept = par$beta[, 1],
    expert_coef = par$beta[, -1, drop = FALSE], expert_scale = par$sigma
  )
}

# Two kinds of starting partition. Random labels alone can lead every start to the same poor maximum (ethanol on C and
# E: -106.2 in 20 of 20, against -75.4), so every second start draws K exact fits through as
# many random rows as there are coefficients and gives each row to the nearest.
partition <- function(kind, model) {
  n <- nrow(model$X)
  if (kind == "labels") return(sample(rep_len(seq_len(model$K), n)))
  distance <- sapply(seq_len(model$K), function(k) {
    rows <- sample(n, ncol(model$X))
    beta <- qr.coef(qr(model$X[rows, , drop = FALSE]), model$y[rows])
    beta[is.na(beta)] <- 0
    abs(model$y - model$X %*% beta)
  })
  nearest <- max.col(-distance)
  # an empty or tiny class would be lost before the first step
  if (min(tabulate(nearest, model$K)) <= ncol(model$X) + 1) partition(kind, model) else nearest
}

run_flexmix <- function(case, data, model, kind) {
  formula <- reformulate(if (length(case$expert)) case$expert else "1", case$response)
  gate <- if (length(case$gate)) FLXPmultinom(reformulate(case$gate)) else FLXPconstant()
  driver <- FLXMRglm(formula)
  if (case$shared) driver <- FLXMRglmfix(formula, varFix = TRUE)
  control <- list(minprior = 0, tolerance = 1e-12, iter.max = 5000)
  start <- partition(kind, model)
  if (case$weighted) {
    data$copies_of_row <- model$w
    fit <- flexmix(~1, data, k = case$K, cluster = start, model = driver, concomitant = gate, control = control,
      weights = ~copies_of_row)
  } else {
    fit <- flexmix(~1, data, k = case$K, cluster = start, model = driver, concomitant = gate, control = control)
  }
  if (fit@k != case$K) stop("a component was lost")
  values <- parameters(fit)
  sigma <- values["sigma", ]
  beta <- t(values[rownames(values) != "sigma", , drop = FALSE])
  # a constant gate keeps its prior; flexmix's concomitant coefficients have the first component as reference
  coef <- if (length(case$gate)) t(parameters(fit, which = "concomitant")) else matrix(log(prior(fit)))
  par <- list(gate = unname(coef), beta = unname(beta), sigma = unname(sigma))
  list(par = par, log_likelihood = as.numeric(logLik(fit)), n_parameters = attr(logLik(fit), "df"), bic = BIC(fit))
}

run_mixtools <- function(case, data, start) {
  y <- data[[case$response]]
  x <- as.matrix(data[case$expert])
  silent <- function(call) {
    capture.output(value <- call)
    value
  }
  lambda <- exp(start$gate[, 1]) / sum(exp(start$gate[, 1]))
  if (case$mixtools == "regmixEM") {
    sigma <- if (case$shared) start$sigma[1] else start$sigma
    fit <- silent(regmixEM(y, x,
      lambda = lambda, beta = t(start$beta), sigma = sigma, k = case$K, arbvar = !case$shared, epsilon = 1e-10,
      maxit = 20000
    ))
    gate <- matrix(log(fit$lambda))
  } else {
    fit <- silent(hmeEM(y, x,
      beta = t(start$beta), sigma = start$sigma, w = start$gate[1, ], k = case$K, epsilon = 1e-10, maxit = 20000
    ))
    gate <- rbind(as.vector(fit$w), 0)
  }
  par <- list(gate = gate, beta = t(fit$beta), sigma = rep_len(as.vector(fit$sigma), case$K))
  list(par = par, log_likelihood = tail(fit$loglik, 1), called = case$mixtools)
}

at_rows <- function(par, model, rows) {
  part <- model
  part$X <- model$X[rows, , drop = FALSE]
  part$Z <- model$Z[rows, , drop = FALSE]
  part$y <- model$y[rows]
  e <- evaluate(par, part)
  list(
    index = rows - 1, gate = exp(e$log_gate), expert_means = e$mean, mean = rowSums(exp(e$log_gate) * e$mean),
    log_density = e$log_density, responsibilities = exp(e$joint - e$log_density)
  )
}

mixture_case <- function(case, data, n_starts) {
  n <- nrow(data)
  model <- list(
    y = data[[case$response]], X = design(case$expert, data), Z = design(case$gate, data),
    w = if (case$weighted) copies(n) else rep(1L, n), K = case$K, shared = case$shared
  )
  kinds <- rep_len(c("labels", "planes"), n_starts)
  fits <- lapply(kinds, function(kind) tryCatch(run_flexmix(case, data, model, kind), error = function(e) NULL))
  fits <- Filter(Negate(is.null), fits)
  best <- maximise(lapply(fits, `[[`, "par"), model)
  flexmix <- fits[[which.max(sapply(fits, `[[`, "log_likelihood"))]]
  par <- canonical(best$par, model)
  size <- sum(model$w)
  ml <- c(best[setdiff(names(best), "par")], list(
    aic = 2 * best$n_parameters - 2 * best$log_likelihood,
    bic = log(size) * best$n_parameters - 2 * best$log_likelihood
  ))
  out <- list(
    name = case$name, data = case$data, n = n, weight_sum = size, weighted = case$weighted, K = case$K,
    response = case$response, expert_terms = I(case$expert), gate_terms = I(case$gate), shared_scale = case$shared,
    ml = if (best$separating) ml else c(ml, described(par)),
    flexmix = c(flexmix[c("log_likelihood", "n_parameters", "bic")], described(canonical(flexmix$par, model)))
  )
  if (!best$separating) out$rows <- at_rows(par, model, c(1, 2, 7, 20, n))
  if (nzchar(case$mixtools)) {
    peer <- run_mixtools(case, data, canonical(flexmix$par, model))
    out$mixtools <- c(peer[c("called", "log_likelihood")], described(canonical(peer$par, model)))
  }
  out
}

lm_case <- function(name, formula, data, weighted = FALSE) {
  contrasts <- Filter(function(column) is.factor(data[[column]]), intersect(all.vars(formula), names(data)))
  w <- if (weighted) copies(nrow(data)) else rep(1L, nrow(data))
  # weight k is k copies of the row, taken literally
  data <- data[rep(seq_len(nrow(data)), w), , drop = FALSE]
  treatment <- lapply(setNames(contrasts, contrasts), function(column) "contr.treatment")
  fit <- lm(formula, data, contrasts = if (length(treatment)) treatment)
  residuals <- as.matrix(residuals(fit))
  size <- nrow(residuals)
  q <- ncol(residuals)
  covariance <- crossprod(residuals) / size
  coefficients <- as.matrix(coef(fit))
  ll <- -size / 2 * (q * log(2 * pi) + as.numeric(determinant(covariance)$modulus) + q)
  n_parameters <- length(coefficients) + q * (q + 1) / 2
  list(
    data = name, formula = deparse1(formula), weighted = weighted, weight_sum = size, log_likelihood = ll,
    n_parameters = n_parameters, aic = 2 * n_parameters - 2 * ll, bic = log(size) * n_parameters - 2 * ll,
    terms = I(rownames(coefficients)), coefficients = unname(t(coefficients)), covariance = unname(covariance)
  )
}

mclust_case <- function(name, columns, K, model_name, data) {
  y <- data[columns]
  fit <- Mclust(y, G = K, modelNames = model_name, control = emControl(tol = 1e-14, itmax = 1e5), verbose = FALSE)
  q <- length(columns)
  mean <- matrix(fit$parameters$mean, q, K)
  variance <- fit$parameters$variance
  covariances <- if (q == 1) array(rep_len(variance$sigmasq, K), c(K, 1, 1)) else aperm(variance$sigma, c(3, 1, 2))
  order <- order(mean[1, ])
  list(
    data = name, columns = I(columns), K = K, model = model_name, log_likelihood = fit$loglik, n_parameters = fit$df,
    bic = -fit$bic, weights = fit$parameters$pro[order], means = t(mean)[order, , drop = FALSE],
    covariances = unname(covariances)[order, , , drop = FALSE]
  )
}
