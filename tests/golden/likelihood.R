# The exact maximum of the likelihood of a mixture of linear Gaussian experts, found by optim() and Newton steps.
#
#   p(y | x) = sum_k g_k(z) N(y; x'beta_k, sigma_k^2),   g = softmax(z'gamma_k),  gamma_K = 0
#
# flexmix divides the residual sum of squares of an expert by its rows minus its coefficients, so what it returns is
# near the maximum but is not the maximum. Its solutions serve as starts here. One formula, no EM: a peer to test EM
# against.
# A model is list(y, X, Z, w, K, shared): X and Z with a first column of ones; shared = TRUE: one sigma for all experts.

standardised <- function(model) {
  centre <- function(M) {
    m <- c(0, colMeans(M[, -1, drop = FALSE]))
    s <- c(1, apply(M[, -1, drop = FALSE], 2, sd))
    list(M = scale(M, m, s)[, , drop = FALSE], m = m, s = s)
  }
  X <- centre(model$X)
  Z <- centre(model$Z)
  out <- model
  out$X <- X$M
  out$Z <- Z$M
  out$my <- mean(model$y)
  out$sy <- sd(model$y)
  out$y <- (model$y - out$my) / out$sy
  out$tx <- X
  out$tz <- Z
  out
}

# rows of B are coefficients of the standardised columns; returns those of the columns as they were
unscale <- function(B, t) {
  B <- sweep(B, 2, t$s, "/")
  B[, 1] <- B[, 1] - B[, -1, drop = FALSE] %*% t$m[-1]
  B
}

rescale <- function(B, t) {
  B[, 1] <- B[, 1] + B[, -1, drop = FALSE] %*% t$m[-1]
  sweep(B, 2, t$s, "*")
}

unpack <- function(theta, model) {
  K <- model$K
  r <- ncol(model$Z)
  p <- ncol(model$X)
  gate <- rbind(matrix(theta[seq_len((K - 1) * r)], K - 1, r, byrow = TRUE), 0)
  theta <- theta[-seq_len((K - 1) * r)]
  beta <- matrix(theta[seq_len(K * p)], K, p, byrow = TRUE)
  sigma <- exp(theta[-seq_len(K * p)])
  list(gate = gate, beta = beta, sigma = if (model$shared) rep(sigma, K) else sigma)
}

pack <- function(par, model) {
  gate <- sweep(par$gate, 2, par$gate[model$K, ])[-model$K, , drop = FALSE]
  sigma <- if (model$shared) sqrt(mean(par$sigma^2)) else par$sigma
  c(t(gate), t(par$beta), log(sigma))
}

# n x K matrices: log gate, means, log joint; and the log-density of each row
evaluate <- function(par, model) {
  lse <- function(A) {
    top <- apply(A, 1, max)
    top + log(rowSums(exp(A - top)))
  }
  eta <- model$Z %*% t(par$gate)
  log_gate <- eta - lse(eta)
  mean <- model$X %*% t(par$beta)
  joint <- log_gate + dnorm(model$y, mean, matrix(par$sigma, nrow(mean), model$K, byrow = TRUE), log = TRUE)
  list(log_gate = log_gate, mean = mean, joint = joint, log_density = lse(joint))
}

log_likelihood <- function(theta, model) sum(model$w * evaluate(unpack(theta, model), model)$log_density)

gradient <- function(theta, model) {
  par <- unpack(theta, model)
  e <- evaluate(par, model)
  resp <- exp(e$joint - e$log_density) * model$w
  residual <- model$y - e$mean
  d_gate <- t(resp - model$w * exp(e$log_gate)) %*% model$Z
  d_beta <- t(resp * residual) %*% model$X / par$sigma^2
  d_sigma <- colSums(resp * residual^2) / par$sigma^2 - colSums(resp)
  c(t(d_gate[-model$K, , drop = FALSE]), t(d_beta), if (model$shared) sum(d_sigma) else d_sigma)
}

# Newton steps on the gradient until it no longer shrinks; never takes a step that lowers the likelihood
newton <- function(theta, model) {
  for (i in 1:20) {
    g <- gradient(theta, model)
    H <- numDeriv::jacobian(gradient, theta, model = model)
    step <- tryCatch(solve(H, g), error = function(e) NULL)
    if (is.null(step)) break
    new <- theta - step
    better <- max(abs(gradient(new, model))) < max(abs(g))
    if (!better || log_likelihood(new, model) < log_likelihood(theta, model) - 1e-9) break
    theta <- new
  }
  theta
}

# one BFGS run of the standardised model
climb <- function(theta, std, maxit) {
  # where sigma runs to zero the likelihood is not finite; optim must see a number
  fall <- function(t) {
    v <- -log_likelihood(t, std)
    if (is.finite(v)) v else 1e10
  }
  control <- list(reltol = 1e-15, maxit = maxit)
  fit <- optim(theta, fall, function(t) -gradient(t, std), method = "BFGS", control = control)
  list(theta = fit$par, log_likelihood = -fit$value - sum(std$w) * log(std$sy))
}

to_standard <- function(par, std) {
  pack(list(
    gate = rescale(par$gate, std$tz),
    beta = rescale(sweep(par$beta, 2, c(std$my, rep(0, ncol(par$beta) - 1))) / std$sy, std$tx),
    sigma = par$sigma / std$sy
  ), std)
}

# the best of the local maxima above several parameters (original units), in original units, with the checks
maximise <- function(pars, model) {
  std <- standardised(model)
  found <- lapply(pars, function(par) climb(to_standard(par, std), std, 300))
  values <- sapply(found, `[[`, "log_likelihood")
  theta <- climb(found[[which.max(values)]]$theta, std, 20000)$theta
  separating <- max(abs(std$Z %*% t(unpack(theta, std)$gate))) > 30
  if (!separating) theta <- newton(theta, std)
  par <- unpack(theta, std)
  beta <- unscale(par$beta, std$tx) * std$sy
  beta[, 1] <- beta[, 1] + std$my
  value <- log_likelihood(theta, std) - sum(std$w) * log(std$sy)
  g <- gradient(theta, std)
  hessian <- numDeriv::jacobian(gradient, theta, model = std)
  list(
    par = list(gate = unscale(par$gate, std$tz), beta = beta, sigma = par$sigma * std$sy),
    log_likelihood = value, n_parameters = length(theta), separating = separating, gradient_max = max(abs(g)),
    gradient_error = max(abs(g - numDeriv::grad(log_likelihood, theta, model = std))),
    curvature_min = if (separating) NULL else min(Re(eigen(-hessian, only.values = TRUE)$values)),
    starts = length(pars), starts_at_best = sum(values > value - 0.01)
  )
}
