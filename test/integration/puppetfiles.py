"""Control repositories with a Puppetfile."""

from __future__ import annotations

from servers import GitServer
from shapes import ShapedRepo, example_tree

#: Puppetfiles by kind. MODULE_URL and MODULE_REVISION stand for a module's repository and a full commit of it.
PUPPETFILES: dict[str, str] = {
    "pinned": "mod 'extra',\n  :git => 'MODULE_URL',\n  :commit => 'MODULE_REVISION'\n",
    "pinned-new-style": "mod 'extra', git: 'MODULE_URL', commit: 'MODULE_REVISION' # a comment\n",
    "pinned-by-ref": "mod 'extra',\n  :git => 'MODULE_URL',\n  :ref => 'MODULE_REVISION'\n",
    "install-path": "moduledir 'site'\nmod 'extra', git: 'MODULE_URL', commit: 'MODULE_REVISION', install_path: 'external'\n",
    "owner": "forge 'https://forge.example.com'\nmod 'acme/extra', :git => 'MODULE_URL', :commit => 'MODULE_REVISION'\n",
    "empty": "# nothing here\n\nforge 'https://forge.example.com'\n",
    "local": "mod 'base', :local => true\n",
    "branch": "mod 'extra', :git => 'MODULE_URL', :branch => 'main'\n",
    "tag": "mod 'extra', :git => 'MODULE_URL', :tag => 'v1.0.0'\n",
    "short-commit": "mod 'extra', :git => 'MODULE_URL', :commit => 'abc1234'\n",
    "forge-version": "mod 'puppetlabs/stdlib', '9.6.0'\n",
    "forge-latest": "mod 'puppetlabs/stdlib', :latest\n",
    "no-version": "mod 'extra', :git => 'MODULE_URL'\n",
    "interpolation": "url = 'MODULE_URL'\nmod 'extra', :git => \"#{url}\", :commit => 'MODULE_REVISION'\n",
    "code": "%w[a b].each { |name| mod name, :latest }\n",
    "escape": "mod '../../etc', :git => 'MODULE_URL', :commit => 'MODULE_REVISION'\n",
    "unclosed": "mod 'extra, :git => 'MODULE_URL'\n",
}


def with_puppetfile(server: GitServer, name: str, kind: str) -> tuple[ShapedRepo, ShapedRepo]:
    """A control repository with that Puppetfile, and the module that it names."""
    manifest = b"class extra { file { '/etc/extra': content => 'extra' } }\n"
    module = ShapedRepo(server, f"{name}-module", {"manifests/init.pp": manifest})
    pinned = module.head
    module.commit({"newer": b"newer than what is pinned\n"})
    text = PUPPETFILES[kind].replace("MODULE_URL", module.url()).replace("MODULE_REVISION", pinned)
    return ShapedRepo(server, name, example_tree() | {"Puppetfile": text.encode()}), module
