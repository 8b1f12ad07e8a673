"""The client: questions as keyword arguments, answers as the values of ``greencloud.results``.

::

    with Client("footprint.example:4317", token=token) as client:
        for row in client.query_footprint(start=start, end=end, group_by=["service"]):
            print(row.dimensions["service"], row.total_location_based)

Lists fetch the next page when it is needed; every page reads the same version of the ledger. Errors are those of
``greencloud.errors``. A client may be used by several threads at once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from types import TracebackType
from typing import Any, Self, Unpack

import grpc

from greencloud.client import answers, requests
from greencloud.client.bridges import BridgeCalls
from greencloud.client.calls import (
    LONG_TIMEOUT_S,
    TIMEOUT_S,
    UNSET,
    Connection,
    Options,
    Stubs,
    Unset,
    metadata_of,
    new_request_id,
    positive,
)
from greencloud.client.channel import ChannelSettings
from greencloud.client.config import ClientConfig
from greencloud.client.disclosures import DisclosureCalls
from greencloud.client.errors import error_from
from greencloud.client.explanation import explanation_document
from greencloud.client.forecasts import ForecastCalls
from greencloud.client.goals import GoalCalls
from greencloud.client.instruments import InstrumentCalls
from greencloud.client.inventory import InventoryCalls
from greencloud.client.pages import Pager
from greencloud.client.record_batches import FootprintStream
from greencloud.client.requests import StreamCompression, StreamContent
from greencloud.client.retry import Retry
from greencloud.client.rows import FootprintRows
from greencloud.errors import RemoteError
from greencloud.results import (
    AppliedFacilityBook,
    AuditEntry,
    BatchSummary,
    CallerIdentity,
    DataAvailability,
    DimensionValue,
    FacilityBook,
    Granularity,
    Restatement,
    RootLogEntry,
    RuleComparison,
    RunSummary,
    Statement,
)
from greencloud.wire import batch_from_message, log_entry_from_message, statement_from_message
from greencloud.wire.catalogue import availability_from_message, dimension_value_from_message
from greencloud.wire.facility_books import applied_book_from_message, facility_book_from_message
from greencloud.wire.identity import audit_entry_from_message, identity_from_message

__all__ = ["Client", "Token"]

Token = str | Callable[[], str]
"""A bearer token, or a function that gives one and is asked for each call, so that it may change."""


class Client(InventoryCalls, BridgeCalls, GoalCalls, ForecastCalls, InstrumentCalls, DisclosureCalls):
    """Asks a server at ``target`` (``HOST:PORT``).

    Args:
        token: the bearer token, or a function that gives one and is asked for each call, so that it may change.
        timeout: seconds for one call, retries included; every method takes one of its own.
        root_certificates: PEM of the authorities to trust instead of those of the system.
        client_certificate: PEM of the certificate that says who you are (mutual TLS), with its ``client_key``.
        insecure: True for no TLS, False for TLS, None for no TLS only where the target is this machine.
        retry: what is tried again, and when; ``Retry.off()`` for nothing.
        keepalive_s: how often a connection with calls under way is probed; None: never.
        interceptors: of grpc, the outermost first.
        app_info: ``NAME/VERSION`` of your program, for the log of the server.
    """

    def __init__(
        self,
        target: str,
        *,
        token: Token | None,
        timeout: float = TIMEOUT_S,
        root_certificates: bytes | None = None,
        client_certificate: bytes | None = None,
        client_key: bytes | None = None,
        insecure: bool | None = None,
        retry: Retry = Retry(),  # noqa: B008  it cannot be changed
        keepalive_s: float | None = 30.0,
        interceptors: Sequence[Any] = (),
        app_info: str = "",
    ) -> None:
        self._token = token
        self._timeout = positive(timeout)
        settings = ChannelSettings(
            target, root_certificates, client_certificate, client_key, insecure, retry, keepalive_s, app_info
        )
        self._connection = Connection(settings, interceptors)
        self._owner = True

    @classmethod
    def from_profile(cls, profile: str | None = None, *, token: Token | None = None, **options: Unpack[Options]) -> Self:
        """A client by the profile and the environment (``greencloud.client.config``); what is given here has the last word.

        Raises:
            ConfigError: the profile is not there, or no server is named.
        """
        return cls.from_config(ClientConfig.load(profile), token=token, **options)

    @classmethod
    def from_config(cls, config: ClientConfig, *, token: Token | None = None, **options: Unpack[Options]) -> Self:
        """A client by a configuration that was loaded. Raises ConfigError where it names no server."""
        arguments = config.arguments() | ({} if token is None else {"token": token})
        return cls(**(arguments | dict(options)))

    def with_options(
        self,
        *,
        timeout: float | None = None,
        token: Token | Unset | None = UNSET,
        retry: Retry | None = None,
    ) -> Self:
        """A client with other options on the same channel, which the first one closes.

        ``retry`` is a matter of the channel: with it the new client has one of its own, to be closed by itself.
        """
        other = copy.copy(self)
        if timeout is not None:
            other._timeout = positive(timeout)
        if not isinstance(token, Unset):
            other._token = token
        other._owner = retry is not None
        if retry is not None:
            other._connection = self._connection.with_retry(retry)
        return other

    @property
    def raw(self) -> Stubs:
        """The generated stubs, for calls of your own; give them ``metadata=client.metadata()``."""
        return self._connection.stubs

    def metadata(self) -> list[tuple[str, str]]:
        """What a call of your own needs: the credential, and a request id."""
        return metadata_of(self._bearer(), new_request_id())

    def query_footprint(
        self,
        *,
        start: datetime,
        end: datetime,
        accounts: Iterable[str] = (),
        services: Iterable[str] = (),
        regions: Iterable[str] = (),
        sites: Iterable[str] = (),
        skus: Iterable[str] = (),
        operations: Iterable[str] = (),
        components: Iterable[str] = (),
        methodology_versions: Iterable[str] = (),
        group_by: Iterable[str] = (),
        granularity: Granularity | str = Granularity.ALL,
        fiscal_year_start_month: int = 1,
        order_by: str | Iterable[str] = "",
        page_size: int = 0,
        timeout: float | None = None,
    ) -> FootprintRows:
        """Rows of ``[start, end)``, added up over the dimensions and periods asked for. No accounts: all that you may see.

        ``order_by``: fields of a row, each with " desc" or not, as in "total_location_based desc". ``fiscal_year_start_month``:
        what quarters and years begin with. ``timeout`` is of each page.
        """
        request = requests.query_footprint(
            start=start,
            end=end,
            accounts=accounts,
            services=services,
            regions=regions,
            sites=sites,
            skus=skus,
            operations=operations,
            components=components,
            methodology_versions=methodology_versions,
            group_by=group_by,
            granularity=granularity,
            fiscal_year_start_month=fiscal_year_start_month,
            order_by=order_by,
            page_size=page_size,
        )
        return FootprintRows(self._asker(self.raw.footprint.QueryFootprint, timeout), request)

    def stream_footprint(
        self,
        *,
        start: datetime,
        end: datetime,
        accounts: Iterable[str] = (),
        services: Iterable[str] = (),
        regions: Iterable[str] = (),
        sites: Iterable[str] = (),
        skus: Iterable[str] = (),
        operations: Iterable[str] = (),
        components: Iterable[str] = (),
        methodology_versions: Iterable[str] = (),
        group_by: Iterable[str] = (),
        granularity: Granularity | str = Granularity.ALL,
        fiscal_year_start_month: int = 1,
        content: StreamContent | str = StreamContent.ROWS,
        compression: StreamCompression | str = StreamCompression.NONE,
        timeout: float = LONG_TIMEOUT_S,
    ) -> FootprintStream:
        """What ``query_footprint`` gives, or with ``content="postings"`` every posting, as Arrow record batches: for millions.

        It needs the extra ``arrow``. A stream that breaks off goes on where it was; ``timeout`` is of each part of it.
        """
        request = requests.stream_footprint(
            start=start,
            end=end,
            accounts=accounts,
            services=services,
            regions=regions,
            sites=sites,
            skus=skus,
            operations=operations,
            components=components,
            methodology_versions=methodology_versions,
            group_by=group_by,
            granularity=granularity,
            fiscal_year_start_month=fiscal_year_start_month,
            content=content,
            compression=compression,
        )
        return FootprintStream(lambda: self._batches(request, timeout))

    def list_restatements(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        accounts: Iterable[str] = (),
        *,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> Pager[Restatement]:
        """What was restated of windows that start in ``[start, end)``, in the order in which it was. No accounts: all that you
        may see. Each comes whole, however many pages its lines take."""
        request = requests.list_restatements(start, end, accounts, page_size)
        return Pager(self._asker(self.raw.footprint.ListRestatements, timeout), request, answers.RestatementReader)

    def explain_footprint(
        self,
        *,
        start: datetime,
        end: datetime,
        account: str = "",
        sites: Iterable[str] = (),
        services: Iterable[str] = (),
        skus: Iterable[str] = (),
        operations: Iterable[str] = (),
        components: Iterable[str] = (),
        measures: Iterable[str] = (),
        windows: int = 1,
        recompute: bool = False,
        timeout: float = LONG_TIMEOUT_S,
    ) -> dict[str, Any]:
        """How what an account bears came about: a document of the schema ``greencloud.explanation/1``, every number a text.

        Its ``windows`` are the largest, as many as asked for, with the arithmetic down to meters, usage and factors. No account:
        your own. No measures: all. With ``recompute`` every batch that the figure has a part of is computed a second time, whole,
        and ``recomputed`` says what came out. Each call to the server has ``timeout`` seconds.
        """
        request = requests.explain_footprint(
            start=start,
            end=end,
            account=account,
            sites=sites,
            services=services,
            skus=skus,
            operations=operations,
            components=components,
            measures=measures,
            recompute=recompute,
        )
        document: dict[str, Any] = self._converse(
            self.raw.footprint.ExplainFootprint, explanation_document(request, windows), timeout
        )
        return document

    def compare_rules(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        rules: Iterable[str] = (),
        *,
        group_by: Iterable[str] = (),
        accounts: Iterable[str] = (),
        page_size: int = 0,
        timeout: float = LONG_TIMEOUT_S,
    ) -> RuleComparison:
        """Who would bear what under each of several rules; nothing is posted. No rules: all. Differences are from the first."""
        request = requests.compare_rules(start, end, rules, group_by, accounts, page_size)
        comparison: RuleComparison = self._converse(self.raw.footprint.CompareRules, answers.compared(request), timeout)
        return comparison

    def get_data_availability(self, accounts: Iterable[str] = (), *, timeout: float | None = None) -> DataAvailability:
        """From when to when there are figures, up to where they are final, and how fresh they are."""
        request = requests.get_data_availability(accounts)
        return availability_from_message(self._call(self.raw.footprint.GetDataAvailability, request, timeout))

    def list_dimension_values(
        self,
        dimension: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        accounts: Iterable[str] = (),
        services: Iterable[str] = (),
        regions: Iterable[str] = (),
        sites: Iterable[str] = (),
        skus: Iterable[str] = (),
        operations: Iterable[str] = (),
        components: Iterable[str] = (),
        methodology_versions: Iterable[str] = (),
        page_size: int = 0,
        timeout: float | None = None,
    ) -> Pager[DimensionValue]:
        """The values of a dimension, the largest emitter first: what can be filtered by. ``label`` lists the keys of labels."""
        request = requests.list_dimension_values(
            dimension,
            start,
            end,
            page_size,
            accounts=accounts,
            services=services,
            regions=regions,
            sites=sites,
            skus=skus,
            operations=operations,
            components=components,
            methodology_versions=methodology_versions,
        )
        reader = answers.items_of("values", dimension_value_from_message)
        return Pager(self._asker(self.raw.footprint.ListDimensionValues, timeout), request, reader)

    def get_statement(self, period: str, account: str = "", *, timeout: float | None = None) -> Statement:
        """What an account is told of a closed period, with the proof that ``greencloud verify`` checks. No account: your own."""
        request = requests.get_statement(period, account)
        return statement_from_message(self._call(self.raw.footprint.GetStatement, request, timeout))

    def list_root_log_entries(self, *, page_size: int = 0, timeout: float | None = None) -> Pager[RootLogEntry]:
        """The log of roots, oldest first: closes of periods, and the keys that signed them."""
        request = requests.list_root_log_entries(page_size)
        reader = answers.items_of("entries", log_entry_from_message)
        return Pager(self._asker(self.raw.footprint.ListRootLogEntries, timeout), request, reader)

    def run_allocation(
        self, start: datetime | None = None, end: datetime | None = None, rule: str = "", *, timeout: float = LONG_TIMEOUT_S
    ) -> RunSummary:
        """Allocate what is due and post it. A run that outlives ``timeout`` goes on; running again does nothing twice."""
        request = requests.run_allocation(start, end, rule)
        return answers.run_from_message(self._call(self.raw.allocation.RunAllocation, request, timeout))

    def restate(
        self,
        start: datetime,
        end: datetime,
        reason: str,
        *,
        rule: str = "",
        dry_run: bool = False,
        confirm_large_changes: bool = False,
        timeout: float = LONG_TIMEOUT_S,
    ) -> RunSummary:
        """Allocate a period anew, for a reason that customers will read; ``dry_run`` posts nothing and shows what would come.

        The restatements of the answer have as many lines as fit into one message; ``list_restatements`` has them all once
        they are posted.
        """
        request = requests.restate(start, end, reason, rule, dry_run, confirm_large_changes)
        return answers.run_from_message(self._call(self.raw.allocation.Restate, request, timeout))

    def list_batches(
        self, start: datetime | None = None, end: datetime | None = None, *, page_size: int = 0, timeout: float | None = None
    ) -> Pager[BatchSummary]:
        """Batches that are visible, in order of window and site."""
        request = requests.list_batches(start, end, page_size)
        reader = answers.items_of("batches", batch_from_message)
        return Pager(self._asker(self.raw.allocation.ListBatches, timeout), request, reader)

    def get_facility_book(self, name: str = "facilityBooks/-", *, timeout: float | None = None) -> FacilityBook:
        """A facility book with its files, by name or revision; ``facilityBooks/-`` is the one in force."""
        request = requests.get_facility_book(name)
        return facility_book_from_message(self._call(self.raw.facility.GetFacilityBook, request, timeout))

    def list_facility_books(self, *, page_size: int = 0, timeout: float | None = None) -> Pager[FacilityBook]:
        """The facility books that were ever in force, the latest first, without their files."""
        request = requests.list_facility_books(page_size)
        reader = answers.items_of("facility_books", facility_book_from_message)
        return Pager(self._asker(self.raw.facility.ListFacilityBooks, timeout), request, reader)

    def apply_facility_book(
        self,
        files: Mapping[str, bytes] | Iterable[tuple[str, bytes]],
        *,
        expected_revision: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> AppliedFacilityBook:
        """Put a facility book in force from the next allocation on: (path, content) of its files, the book itself first,
        as ``facility_files`` reads them.

        With ``expected_revision`` it is a ConflictError if another one is in force by now. ``validate_only`` changes nothing, and
        says what is wrong with the book, or what it would change.
        """
        request = requests.apply_facility_book(files, expected_revision, validate_only)
        return applied_book_from_message(self._call(self.raw.facility.ApplyFacilityBook, request, timeout))

    def get_caller_identity(self, *, timeout: float | None = None) -> CallerIdentity:
        """Who you are to the server, and what you may do."""
        request = requests.get_caller_identity()
        return identity_from_message(self._call(self.raw.identity.GetCallerIdentity, request, timeout))

    def list_audit_entries(
        self, start: datetime | None = None, end: datetime | None = None, *, page_size: int = 0, timeout: float | None = None
    ) -> Pager[AuditEntry]:
        """What was done with the provider's credentials that changed something, oldest first."""
        request = requests.list_audit_entries(start, end, page_size)
        reader = answers.items_of("entries", audit_entry_from_message)
        return Pager(self._asker(self.raw.identity.ListAuditEntries, timeout), request, reader)

    def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        if self._owner:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connection.settings.target!r})"

    def _bearer(self) -> str | None:
        return self._token() if callable(self._token) else self._token

    def _asker(self, method: Any, timeout: float | None) -> Callable[[Any], Any]:
        return lambda request: self._call(method, request, timeout)

    def _call(self, method: Any, request: Any, timeout: float | None) -> Any:
        seconds = self._timeout if timeout is None else positive(timeout)
        _ = self.raw  # of a list that is gone through later: the client must still be open
        request_id = new_request_id()
        metadata = metadata_of(self._bearer(), request_id)
        try:
            return method(request, timeout=seconds, metadata=metadata)
        except grpc.RpcError as error:
            raise error_from(error, request_id) from error

    def _converse(self, method: Any, conversation: answers.Conversation, timeout: float | None) -> Any:
        request = next(conversation)
        while True:
            try:
                request = conversation.send(self._call(method, request, timeout))
            except StopIteration as done:
                return done.value

    def _batches(self, request: Any, timeout: float) -> Iterator[Any]:
        read = import_module("greencloud.client.streaming").batches
        request_id = new_request_id()

        def open_stream(part: Any) -> Any:
            metadata = metadata_of(self._bearer(), request_id)
            return self.raw.footprint.StreamFootprint(part, timeout=positive(timeout), metadata=metadata)

        try:
            yield from read(open_stream, request, tries=self._connection.settings.retry.attempts)
        except RemoteError as error:
            error.request_id = error.request_id or request_id
            raise
