"""The host agent: the provider's own view of a machine, as OTLP metrics."""

from greencloud.agent.power import MeasuredEnergy, ModelledEnergy, PowerModel, Zone
from greencloud.agent.reader import Machine, machine
from greencloud.agent.reporter import Reporter
from greencloud.agent.sending import Sender, is_loopback
from greencloud.agent.workloads import Workload, WorkloadFile, read_workloads

__all__ = [
    "Machine",
    "MeasuredEnergy",
    "ModelledEnergy",
    "PowerModel",
    "Reporter",
    "Sender",
    "Workload",
    "WorkloadFile",
    "Zone",
    "is_loopback",
    "machine",
    "read_workloads",
]
