"""What every protocol of the plugin owes to those who fill in its form."""

import pytest
from pyworkflow.protocol import params

from vrs.tests.protocols.test_plugin import PROTOCOLS

# These are Scipion's own.
_COMMON_SECTIONS = ("General", "Parallelization")
_LONGEST_LABEL = 45
_GROUPED_FROM = 7


@pytest.fixture(params=PROTOCOLS)
def protocol(request, domain, project):
    return project.newProtocol(domain.getProtocols()[request.param])


def own_parameters(protocol):
    """Names and parameters of the form, without those that all protocols have."""
    form = protocol.getDefinition()
    for section in form.iterSections():
        if section.getLabel() not in _COMMON_SECTIONS:
            for name, parameter in section.iterParams():
                grouped = (parameter.iterParams() if isinstance(parameter, params.ElementGroup)
                           else [(name, parameter)])
                yield from grouped


def test_every_parameter_is_explained(protocol):
    parameters = dict(own_parameters(protocol))
    assert parameters
    for name, parameter in parameters.items():
        label, text = parameter.getLabel(), parameter.getHelp()
        assert label and label[0].isupper() or label[0].isdigit(), name
        assert len(label) <= _LONGEST_LABEL, label
        assert text and text.endswith(".") and len(text.split()) > 5, name
    assert len({parameter.getLabel() for parameter in parameters.values()}) == len(parameters)


def test_long_forms_have_groups_and_few_important_parameters(protocol):
    parameters = dict(own_parameters(protocol))
    groups = [group for _, group in protocol.getDefinition().iterAllParams()
              if isinstance(group, params.Group)]
    assert bool(groups) == (len(parameters) >= _GROUPED_FROM)
    important = [name for name, parameter in parameters.items() if parameter.isImportant()]
    assert 1 <= len(important) <= 2
    assert not any(parameters[name].isExpert() for name in important)


def test_conditions_name_parameters_of_the_form(protocol):
    form = protocol.getDefinition()
    for name, parameter in own_parameters(protocol):
        assert form.evalParamCondition(name) in (True, False, 0, 1), name
        if parameter.hasCondition():
            assert parameter._conditionParams, name


def test_an_empty_form_is_refused_in_sentences(protocol):
    problems = protocol.validate()
    assert problems and all(problem.endswith(".") for problem in problems)
    assert not any("validation failed" in problem for problem in problems)


def test_texts_before_the_run(protocol):
    assert len(protocol.getDoc().split()) > 15
    (line,) = protocol.summary()
    assert line.endswith(" yet.")
    assert "ERROR" not in " ".join(protocol.methods())


def test_citations_stand_in_the_bibliography(domain, protocol):
    known = domain.getPluginModule("vrs")._bibtex
    assert protocol._citations() and set(protocol._citations()) <= set(known)
