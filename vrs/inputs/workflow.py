"""How the map was obtained: the workflow of its processing."""

from vrs.inputs import Kind, Loaded, Option, Source, register
from vrs.io.workflows import read_workflow, workflow_file
from vrs.results import MINOR, Note


class _WorkflowKind(Kind):
    name = "workflow"
    title = "Workflow"
    words = "the processing workflow"
    place = 200
    help = ("The protocols that led to the map. Of this project, those connected with the map are "
            "shown, without the validation. A file must be one that Scipion exported: select the "
            "protocols in the project where the map was made, and press Export.")
    from_project = "That of this project"
    options = (
        Option("workflow", "how the map was obtained: JSON that Scipion exported, or the folder "
               "of a job of RELION or cryoSPARC", "Workflow file",
               "A JSON file that Scipion exported, or the folder of a job of RELION or cryoSPARC, "
               "which is shown with the jobs that led to it.", metavar="PATH"),
    )

    def probe(self, given, probed):
        read_workflow(given["workflow"])

    def load(self, given, evidence):
        return Loaded(read_workflow(given["workflow"]),
                      (Source("Workflow", workflow_file(given["workflow"])),))

    def describe(self, evidence):
        absent = evidence.workflow.absent
        if not absent:
            return [], []
        return [Note("The workflow is incomplete: some protocols take their input from others that "
                     "are not in the file (ids %s)." % ", ".join(absent),
                     MINOR)], []


WORKFLOW = register(_WorkflowKind())
