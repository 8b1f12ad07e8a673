"""The report that people look at: one page for an account and a period, complete in one file and silent on the network.

``figures`` asks what the page shows and works out the rest, ``charts`` are specifications of what is drawn, ``texts`` are its
words in English and Chinese, ``document`` puts them together.
"""

from greencloud.report.page.document import overview_file, page_html
from greencloud.report.page.figures import AccountFigures, account_figures
from greencloud.report.page.texts import LANGUAGES

__all__ = ["LANGUAGES", "AccountFigures", "account_figures", "overview_file", "page_html"]
