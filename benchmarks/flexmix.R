# Fit a mixture of experts (Gaussian, or the family of the third argument) with flexmix from given starting labels; print seconds, iterations, log-likelihood.
suppressMessages(library(flexmix))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]; n <- as.integer(arguments[2]); d <- as.integer(arguments[3])
family <- if (length(arguments) > 3) arguments[4] else "gaussian"
read <- function(name, count, what) {
  file <- file(file.path(folder, name), "rb"); on.exit(close(file)); readBin(file, what, count)
}
x <- matrix(read("x.bin", n * d, "double"), n, d)
data <- data.frame(y = read("y.bin", n, "double"), x)
start <- read("start.bin", n, "integer")
terms <- paste(names(data)[-1], collapse = " + ")
began <- proc.time()
model <- flexmix(as.formula(paste("y ~", terms)), data = data, cluster = start,
                 model = FLXMRglm(family = family),
                 concomitant = FLXPmultinom(as.formula(paste("~", terms))),
                 control = list(minprior = 0, iter.max = 500))
spent <- proc.time() - began
cat(sprintf("%.6f %.6f %d %.6f %d\n", spent["elapsed"], spent["user.self"] + spent["sys.self"],
            model@iter, as.numeric(logLik(model)), model@k))
