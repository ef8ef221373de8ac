"""Packaging of the scipion-em-vrs plugin."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+?)"', (HERE / "vrs" / "__init__.py").read_text()).group(1)
REQUIREMENTS = [line.strip() for line in (HERE / "requirements.txt").read_text().splitlines()
                if line.strip() and not line.startswith("#")]

setup(
    name="scipion-em-vrs",
    version=VERSION,
    description="Validation of cryo-EM maps: every measure the data allow, in one report.",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    license="GPL-3.0-or-later",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: GNU General Public License v3 or later (GPLv3+)",
        "Operating System :: POSIX :: Linux",
        "Topic :: Scientific/Engineering :: Bio-Informatics",
    ] + ["Programming Language :: Python :: 3.%d" % minor for minor in range(8, 15)],
    keywords="scipion cryoem validation map resolution",
    packages=find_packages(include=["vrs", "vrs.*"]),
    include_package_data=True,
    python_requires=">=3.8",
    install_requires=REQUIREMENTS,
    extras_require={"test": ["pytest>=7", "pytest-xdist", "jsonschema", "docutils"],
                    # Some tests compare with its programs where it is installed.
                    "cctbx": ["cctbx-base; python_version >= '3.9'"]},
    entry_points={
        "pyworkflow.plugin": "vrs = vrs",
        "console_scripts": "vrs = vrs.cli:main",
    },
)
