"""Prometheus: what `bootwright metrics` writes after real runs is read by the real node_exporter."""

from __future__ import annotations

from control_repo import ControlRepo
from instance import Instance
from interruption import quick_puppet
from metadata_server import MetadataServer
from metadata_services import Ec2
from real_machine import wait_for
from roles import IMPATIENT, merged, role_config

FOLDER = "/root/metrics"


def scraped(instance: Instance) -> dict[str, float]:
    """What the collector gives to a server: {"name{labels}": value}, of ours and of its own."""
    text = instance.run(["curl", "-sf", "http://127.0.0.1:9100/metrics"]).stdout
    samples = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in samples}


def test_the_collector_reads_good_and_bad_runs(instance: Instance, metadata: MetadataServer, repo: ControlRepo) -> None:
    instance.configure(merged(IMPATIENT, quick_puppet(instance), {"puppet": {"warm": False}}))
    metadata.service = Ec2(role_config(repo))
    instance.path(FOLDER).mkdir()
    arguments = ("--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={FOLDER}")
    exporter = instance.start(["/usr/bin/prometheus-node-exporter", *arguments])
    wait_for(lambda: scraped(instance), "the collector")

    def told() -> dict[str, float]:
        assert instance.bootwright("metrics", "--output", f"{FOLDER}/bootwright.prom").returncode == 0
        samples = scraped(instance)
        assert samples["node_textfile_scrape_error"] == 0
        return samples

    before = told()
    assert before["bootwright_configured"] == 0 and not any(name.startswith("puppet_") for name in before)
    assert instance.bootwright("run").returncode == 0
    good = told()
    assert good["bootwright_run_good"] == good["bootwright_configured"] == good["bootwright_run_number"] == 1
    (host,) = {name for name in good if name.startswith("puppet_report{")}
    assert good[host] > 1.7e9
    metadata.service = Ec2(role_config(repo, revision="0" * 40))
    assert instance.bootwright("run").returncode == 1
    bad = told()
    assert bad["bootwright_run_good"] == 0 and bad["bootwright_configured"] == 1
    assert any(name.startswith("bootwright_run_info") and 'code="git.revision_not_found"' in name for name in bad)
    assert sum(value for name, value in bad.items() if name.startswith("puppet_status") and "failed" in name) == 1
    exporter.stop()
