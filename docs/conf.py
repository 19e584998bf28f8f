"""Sphinx configuration."""

import classicmoe

project = "classicmoe"
author = "the classicmoe developers"
copyright = "2026, the classicmoe developers"
release = version = classicmoe.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc sections say the types
suppress_warnings = ["ref.ref"]  # inherited docstrings refer to chapters of scikit-learn's guide
autodoc_default_options = {
    "members": True,
    "inherited-members": "BaseEstimator,RegressorMixin,MetaEstimatorMixin",
    "exclude-members": "get_metadata_routing,set_fit_request,set_predict_request,set_score_request",
}
numpydoc_show_class_members = False  # autosummary lists them already

html_theme = "pydata_sphinx_theme"
html_title = "classicmoe"
html_theme_options = {"show_prev_next": False}
html_sidebars = {page: [] for page in ("index", "howto/*", "explanation/*", "reference/families")}
