"""Names that telemetry comes under: OpenTelemetry's semantic conventions 1.44, what real senders put instead, and our own.

One dimension arrives under several attribute keys (the convention's, the collector receivers', the language SDKs'), so a
dimension here is a tuple of keys, the convention's first. Names under ``greencloud.`` are ours; the plugin writes the same.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ACCOUNT_ID",
    "CALLER_ACCOUNT",
    "CONTAINER_ID",
    "CPU_MODE",
    "CPU_TIME",
    "FAMILIES",
    "GPU_ID",
    "GPU_TASK",
    "GPU_TIME",
    "GPU_UTILIZATION",
    "HOST_KEYS",
    "HW_ENERGY",
    "HW_HOST_ENERGY",
    "HW_HOST_POWER",
    "HW_POWER",
    "IO_BYTES",
    "K8S_CLUSTER_NAME",
    "K8S_CONTAINER_NAME",
    "K8S_NAMESPACE_NAME",
    "K8S_NODE_CPU_TIME",
    "K8S_NODE_MEMORY_USAGE",
    "K8S_POD_NAME",
    "K8S_POD_UID",
    "LABEL_PREFIX",
    "MEMORY_BYTE_SECONDS",
    "MEMORY_STATE",
    "NOT_BUSY",
    "PARTS",
    "PROCESS_CPU_UNATTRIBUTED",
    "PROCESS_PID",
    "QUALITY",
    "SERVICE_INSTANCE_ID",
    "SERVICE_NAME",
    "SKU",
    "SYSTEM_CPU_TIME",
    "SYSTEM_MEMORY_USAGE",
    "UNKNOWN_SERVICE",
]

SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
ACCOUNT_ID: Final = "cloud.account.id"
HOST_KEYS: Final = ("host.id", "host.name", "k8s.node.name")
UNKNOWN_SERVICE: Final = "unknown_service"  # what an SDK must say when nobody named the service

PROCESS_PID: Final = "process.pid"
CONTAINER_ID: Final = "container.id"
K8S_POD_UID: Final = "k8s.pod.uid"
K8S_POD_NAME: Final = "k8s.pod.name"
K8S_NAMESPACE_NAME: Final = "k8s.namespace.name"
K8S_CLUSTER_NAME: Final = "k8s.cluster.name"
K8S_CONTAINER_NAME: Final = "k8s.container.name"

CPU_TIME: Final = "greencloud.cpu.time"
MEMORY_BYTE_SECONDS: Final = "greencloud.memory.byte_seconds"
IO_BYTES: Final = "greencloud.io.bytes"
GPU_TIME: Final = "greencloud.gpu.time"
QUALITY: Final = "greencloud.quality"
CALLER_ACCOUNT: Final = "greencloud.caller.account"
SKU: Final = "greencloud.sku"
LABEL_PREFIX: Final = "greencloud.label."

SYSTEM_CPU_TIME: Final = "system.cpu.time"
SYSTEM_MEMORY_USAGE: Final = "system.memory.usage"
K8S_NODE_CPU_TIME: Final = "k8s.node.cpu.time"
K8S_NODE_MEMORY_USAGE: Final = "k8s.node.memory.usage"
HW_HOST_ENERGY: Final = "hw.host.energy"
HW_HOST_POWER: Final = "hw.host.power"
HW_ENERGY: Final = "hw.energy"  # of a component, so a part of hw.host.energy
HW_POWER: Final = "hw.power"

GPU_UTILIZATION: Final = "hw.gpu.utilization"
GPU_ID: Final = "hw.id"
GPU_TASK: Final = "hw.gpu.task"

FAMILIES: Final = ("k8s.pod", "container", "process")
"""Prefixes of workload metrics, the widest first: a pod's CPU holds its containers', a container's its processes'."""

PROCESS_CPU_UNATTRIBUTED: Final = "greencloud.process.cpu.unattributed"
"""Of greencloud-otel: what a process used and no span of it tells. Spans that were not sampled are in it."""

CPU_MODE: Final = ("cpu.mode", "state", "type", "process.cpu.state", "container.cpu.state", "system.cpu.state")
MEMORY_STATE: Final = ("system.memory.state", "state")

PARTS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "cpu.time": {
        "mode": CPU_MODE,
        "cpu": ("cpu.logical_number", "cpu", "system.cpu.logical_number"),
    },
    "disk.io": {
        "direction": ("disk.io.direction", "direction", "system.disk.direction"),
        "device": ("system.device", "device"),
    },
    "network.io": {
        "direction": ("network.io.direction", "direction", "system.network.direction"),
        "device": ("network.interface.name", "system.device", "interface", "device"),
    },
}
"""The dimensions that divide a metric, by the end of its name, and the keys that they come under."""

NOT_BUSY: Final = frozenset({"idle", "iowait", "wait", "steal", "guest", "guest_nice"})
"""CPU modes in which the host does no work of its own. Linux counts guest time within user and nice already (proc(5))."""
