# Write the data sets that come from R packages as CSV files, rows and columns in the package's order.
#
#     Rscript export_r.R OUTPUT_DIRECTORY
#
# Prints one line "name<TAB>package<TAB>version" per file, which build.py stores in the registry.
# A number is written with 15 significant digits if these give it back exactly, else with 17, so nothing is rounded.

out <- commandArgs(trailingOnly = TRUE)[1]
if (is.na(out)) stop("usage: Rscript export_r.R OUTPUT_DIRECTORY")
dir.create(out, showWarnings = FALSE, recursive = TRUE)

sources <- list(
  ethanol = "lattice", CO2data = "mixtools", NOdata = "mixtools", tonedata = "mixtools",
  NPreg = "flexmix", mcycle = "MASS", geyser = "MASS", diamonds = "ggplot2", ames = "modeldata"
)

as_text <- function(column) {
  if (!is.numeric(column)) return(as.character(column))
  short <- sprintf("%.15g", column)
  ifelse(as.numeric(short) == column, short, sprintf("%.17g", column))
}

for (name in names(sources)) {
  package <- sources[[name]]
  data(list = name, package = package)
  frame <- as.data.frame(get(name))
  stopifnot(!anyNA(frame))
  text <- as.data.frame(lapply(frame, as_text), check.names = FALSE)
  stopifnot(!grepl("[,\"\r\n]", c(names(text), unlist(text))))  # nothing is quoted below
  write.table(text, file.path(out, paste0(name, ".csv")), sep = ",", quote = FALSE, row.names = FALSE, eol = "\n")
  cat(name, package, packageDescription(package)$Version, sep = "\t")
  cat("\n")
}
