"""The look of the plots of this folder: matplotlib without a screen, and colours."""
import sys

from common import use_project_python

try:
    import matplotlib
except ImportError as missing:
    use_project_python()
    sys.exit(f"error: {missing}; run scripts/setup_python")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402: after the choice of backend

# Okabe and Ito, "Color Universal Design", 2008: colours that stay apart for colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
REFERENCE = "#808080"  # of what was not measured in the run

plt.rcParams.update({
    "figure.dpi": 160,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E0E0E0",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
})
