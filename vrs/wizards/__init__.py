"""Help with the parameters of the forms, behind the wands beside them."""

from vrs.wizards.entry import VrsEntryWizard
from vrs.wizards.job import VrsJobWizard
from vrs.wizards.threshold import VrsThresholdWizard
