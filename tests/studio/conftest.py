"""A studio that is really served, one for each file of tests."""

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def studio(tiny_bundle, folder):
    from studio_helpers import serving_from, settings

    with serving_from(folder, settings(tiny_bundle)) as client:
        yield client
        client.studio.jobs.stop_all()
