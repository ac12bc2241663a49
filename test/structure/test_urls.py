"""A URL with credentials is not printed by accident (docs/decisions/0019): it is a Url, which becomes text only by name.

What is looked for is a pattern of the text, so that it finds a slip, and not whoever hides one.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Who hands a URL over as a whole, and to whom.
MAY_TRANSFER = {
    "common/net/url.hpp": "the type itself",
    "common/net/json_types.hpp": "bootwright-fetch and bootwright-download, on their standard input",
    "common/net/web.cpp": "libcurl",
    "agent/servers/git/ssh_transport.cpp": "ssh, which gets the user",
    "agent/servers/r10k_install.cpp": "r10k, which gets the proxy in its environment",
    "agent/repository/modules/puppetfile_passwords.cpp": "git, in the file of git-credential-store(1)",
}

# Who reads text that somebody else has written, in which there may be URLs. What is a Url has shown().
MAY_SEARCH_TEXT = {
    "common/net/url.hpp": "the function itself",
    "common/net/url.cpp": "the function itself",
    "agent/platform/instance_metadata.cpp": "a tag, which may hold anything",
    "agent/platform/detection.cpp": "a kernel command line",
    "agent/servers/r10k_install.cpp": "what r10k says",
    "agent/servers/ask.cpp": "what bootwright-download says",
    "agent/commands/support/redaction.cpp": "what `bootwright capture` has found on a machine",
}

# Members with such a name that hold no URL.
NO_URL = {
    "agent/config/config.hpp: no_proxy": "names of hosts",
    "common/net/web.hpp: no_proxy": "names of hosts",
    "agent/puppet/invocation.hpp: proxy": "variables of the environment, which Puppet gets as they are",
}
TRANSFER = re.compile(r"\w*for_transfer\(\)")
SEARCH = re.compile(r"(?<!\.)(?<!->)(?<!::)\bwithout_credentials\((?!\))")
MEMBER = re.compile(
    r"^\s*(?:mutable |const )*std::(?:string(?:_view)?|(?:vector|optional|set|map)<[^;]*string[^;]*>)\s+"
    r"(\w*(?:url|mirror|places|proxy|endpoint|webhook|wait_condition)\w*)\s*(?:\{[^}]*\}|=[^;()]*)?;",
    re.MULTILINE | re.IGNORECASE,
)


def sources(*suffixes: str) -> dict[str, str]:
    files = [file for folder in ("agent", "common") for file in (ROOT / folder).rglob("*") if file.suffix in suffixes]
    return {file.relative_to(ROOT).as_posix(): file.read_text() for file in files}


def test_only_who_sends_a_url_takes_the_whole_of_it() -> None:
    found = {name for name, text in sources(".hpp", ".cpp").items() if TRANSFER.search(text)}
    assert found == set(MAY_TRANSFER), "show a URL by shown(); where it is sent, say so in MAY_TRANSFER"


def test_text_is_searched_for_urls_only_where_somebody_else_wrote_it() -> None:
    found = {name for name, text in sources(".hpp", ".cpp").items() if SEARCH.search(text)}
    assert found == set(MAY_SEARCH_TEXT), "make it a Url where it comes in, and show it by shown()"


def test_no_url_is_kept_as_text() -> None:
    found = {f"{name}: {member}" for name, text in sources(".hpp").items() for member in MEMBER.findall(text)}
    assert found == set(NO_URL), "a Url is not printed by accident, text is"


def test_what_is_looked_for_is_found() -> None:
    for line in (
        "    std::string url{};  ///< x",
        "std::string name_url;",
        "    std::vector<std::string> mirrors{};",
        "    std::optional<std::string> proxy = {};",
        "    const std::string base_url_;",
    ):
        assert MEMBER.search(line), line
    for line in ("    Url url{};", "std::string submodule_url(const std::string& text);", "    std::string said;"):
        assert not MEMBER.search(line), line
    assert TRANSFER.search("url.user_for_transfer()")
    assert SEARCH.search('" + without_credentials(place)')
    assert not SEARCH.search("url.without_credentials()")
