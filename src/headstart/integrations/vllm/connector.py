"""The class that vLLM loads: ``--kv-transfer-config`` names it and this module.

Written for vLLM 0.32 (``KVConnectorBase_V1``). One object lives in the scheduler's process,
one in each worker's; what passes between them is a ``Step``.
"""

from __future__ import annotations

import logging
from typing import Any

from vllm.distributed import get_tensor_model_parallel_rank
from vllm.distributed.kv_transfer.kv_connector.v1.base import (
    KVConnectorBase_V1,
    KVConnectorMetadata,
    KVConnectorRole,
)
from vllm.v1.metrics.cache_hit_source import CacheHitSource

from headstart.integrations.vllm.background import survives
from headstart.integrations.vllm.metrics import StorePromMetrics, StoreStats
from headstart.integrations.vllm.model import fingerprints, layer_names
from headstart.integrations.vllm.options import Options
from headstart.integrations.vllm.plan import Step
from headstart.integrations.vllm.scheduler import Scheduling
from headstart.integrations.vllm.worker import Working
from headstart.kv.seal import SealError
from headstart.kv.tiers.contract import TierError

logger = logging.getLogger("vllm.headstart")


def _nothing() -> None:
    """What is answered where there is nothing to answer."""


# vLLM is not there where types are checked: its classes are of any type, here and in metrics.py.
class StepMetadata(Step, KVConnectorMetadata):  # type: ignore[misc]
    """A ``Step`` as vLLM passes it on."""


class HeadstartConnector(KVConnectorBase_V1):  # type: ignore[misc]
    """Keys and values of prompts in Headstart's tiered store."""

    def __init__(self, vllm_config: Any, role: KVConnectorRole, kv_cache_config: Any) -> None:
        """ValueError says in one line what is wrong with the options or the model."""
        super().__init__(vllm_config, role, kv_cache_config)
        self._scheduling: Scheduling | None = None
        self._working: Working | None = None
        try:
            options = Options.parse(self._kv_transfer_config.kv_connector_extra_config or {})
            ranks = fingerprints(vllm_config, kv_cache_config, options)
            if role == KVConnectorRole.SCHEDULER:
                self._recompute()
                self._scheduling = Scheduling(options, ranks)
            else:
                names = layer_names(kv_cache_config.kv_cache_groups)
                self._working = Working(options, ranks[get_tensor_model_parallel_rank()], names)
        except (ValueError, OSError, SealError, TierError) as error:
            raise ValueError(f"headstart: {error}") from error
        logger.info("headstart: pages of %s", ranks[0].hex)

    @property
    def requires_kv_delivery(self) -> bool:
        """A cache: what was not saved is computed again."""
        return False

    @classmethod
    def requires_piecewise_for_cudagraph(cls, extra_config: dict[str, Any]) -> bool:
        """Layers are copied as they are computed."""
        return True

    # Worker

    def register_kv_caches(self, kv_caches: dict[str, Any]) -> None:
        """See the base class; ValueError if this KV can't be stored."""
        layers = self._vllm_config.compilation_config.static_forward_context
        self._worker.register(kv_caches, layers)

    def bind_connector_metadata(self, connector_metadata: KVConnectorMetadata) -> None:
        """A step begins."""
        super().bind_connector_metadata(connector_metadata)
        self._worker.bind(connector_metadata)

    def start_load_kv(self, forward_context: Any, **kwargs: Any) -> None:
        """Loads are asynchronous: this only queues them."""
        self._worker.start(self._get_connector_metadata())

    def wait_for_layer_load(self, layer_name: str) -> None:
        """Nothing: a request runs only once all of its pages are verified."""

    @survives(_nothing)
    def save_kv_layer(self, layer_name: str, kv_layer: Any, attn_metadata: Any, **_: Any) -> None:
        """Copies the layer's new full blocks."""
        self._worker.layer(layer_name)

    @survives(_nothing)
    def wait_for_save(self) -> None:
        """Hands the step's pages to the thread that writes them."""
        self._worker.end()

    def get_finished(self, finished_req_ids: set[str]) -> tuple[set[str] | None, set[str] | None]:
        """Only loads are told of: no block is kept for a save beyond its step."""
        return None, self._worker.finished()

    def get_block_ids_with_load_errors(self) -> set[int]:
        """vLLM computes these blocks, and what follows them, itself."""
        return self._worker.failed()

    @survives(_nothing)
    def get_kv_connector_stats(self) -> StoreStats | None:
        """The worker's; the scheduler has vLLM's own counts."""
        return self._working.stats() if self._working is not None else None

    @survives(_nothing)
    def shutdown(self) -> None:
        """Write what is waiting and close the store."""
        for side in (self._working, self._scheduling):
            if side is not None:
                side.close()

    # Scheduler

    @survives(_nothing)
    def on_new_request(self, request: Any) -> None:
        """Asks the store, in the background."""
        self._scheduler.arrived(request)

    @survives(lambda: (0, False))
    def get_num_new_matched_tokens(
        self, request: Any, num_computed_tokens: int
    ) -> tuple[int | None, bool]:
        """The longest prefix that every rank has, in blocks of vLLM's size."""
        tokens = self._scheduler.matched(request, num_computed_tokens)
        return tokens, bool(tokens)

    def update_state_after_alloc(self, request: Any, blocks: Any, num_external_tokens: int) -> None:
        """See the base class."""
        if num_external_tokens:
            self._scheduler.allocated(request, blocks.get_block_ids()[0], num_external_tokens)

    @survives(dict)
    def get_external_cache_hit_sources(
        self, request: Any, num_external_tokens: int
    ) -> dict[CacheHitSource, int]:
        """What lies on this host's disk, and what comes over the network."""
        local = self._scheduler.local_tokens.get(request.request_id, 0)
        local = min(local, num_external_tokens)
        sources = {
            CacheHitSource.DISK: local,
            CacheHitSource.EXTERNAL_UNSPECIFIED: num_external_tokens - local,
        }
        return {source: tokens for source, tokens in sources.items() if tokens}

    def build_connector_meta(self, scheduler_output: Any) -> KVConnectorMetadata:
        """What the workers do in this step."""
        manager = self._kv_cache_manager
        step = self._scheduler.step(scheduler_output, lambda name: manager.get_block_ids(name)[0])
        return StepMetadata(**vars(step))

    @survives(_nothing)
    def update_connector_output(self, connector_output: Any) -> None:
        """Pages that could not be loaded are saved again once they are computed."""
        ended, failed = connector_output.finished_recving, connector_output.invalid_block_ids
        if ended or failed:
            self._scheduler.loaded(ended or (), failed or set())

    def request_finished(
        self, request: Any, block_ids: list[int]
    ) -> tuple[bool, dict[str, Any] | None]:
        """Its blocks may be freed at once."""
        self._scheduler.finished(request.request_id)
        return False, None

    def reset_cache(self) -> bool | None:
        """Drops this model's pages from every tier, for all processes."""
        return self._scheduler.drop()

    @classmethod
    def build_kv_connector_stats(cls, data: dict[str, Any] | None = None) -> StoreStats:
        """See the base class."""
        return StoreStats(data=data or {})

    @classmethod
    def build_prom_metrics(
        cls, vllm_config: Any, metric_types: Any, labelnames: Any, per_engine_labelvalues: Any
    ) -> StorePromMetrics:
        """See the base class."""
        return StorePromMetrics(vllm_config, metric_types, labelnames, per_engine_labelvalues)

    @property
    def _worker(self) -> Working:
        assert self._working is not None
        return self._working

    @property
    def _scheduler(self) -> Scheduling:
        assert self._scheduling is not None
        return self._scheduling

    def _recompute(self) -> None:
        """A page that is gone must not fail a request, which is vLLM's default."""
        if self._kv_transfer_config.kv_load_failure_policy != "recompute":
            self._kv_transfer_config.kv_load_failure_policy = "recompute"
            logger.info("headstart: kv_load_failure_policy is set to recompute")
