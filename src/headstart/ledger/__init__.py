"""What each request read, wrote and cost: kept in SQL, summed up, watched."""

from headstart.ledger.address import DEFAULT, LedgerError
from headstart.ledger.alerts import Alert, AlertRules
from headstart.ledger.drops import Drops
from headstart.ledger.ledger import Ledger
from headstart.ledger.reader import Percentiles, Reader, Which
from headstart.ledger.report import Reason, Report, report_of
from headstart.ledger.sinks import GaugeSink, LogSink, Sink, WebhookSink
from headstart.ledger.totals import Totals
from headstart.ledger.watch import Watch

__all__ = [
    "DEFAULT",
    "Alert",
    "AlertRules",
    "Drops",
    "GaugeSink",
    "Ledger",
    "LedgerError",
    "LogSink",
    "Percentiles",
    "Reader",
    "Reason",
    "Report",
    "Sink",
    "Totals",
    "Watch",
    "WebhookSink",
    "Which",
    "report_of",
]
