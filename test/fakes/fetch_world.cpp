#include "test/fakes/fetch_world.hpp"

#include "test/fakes/errors.hpp"
#include "test/fakes/git_library.hpp"
#include "test/fakes/git_program.hpp"

#include <algorithm>
#include <stdexcept>

namespace bootwright {

namespace fs = std::filesystem;

FetchWorld::FetchWorld() {
    root.make_folder("/server");
    request.repositories = root.path("/state/repository");
    request.checkouts = root.path("/state/checkout");
    request.downloads = root.path("/state/download");
    request.download_program = "/usr/lib/bootwright/bootwright-download";
    request.name_url = url_of("server");
    request.places = {request.name_url};
    request.policy = "as it is";
    request.settings.seed = "";
    request.settings.ssh_key = root.path("/ssh_key");
    request.settings.known_hosts = root.path("/known_hosts");
    request.settings.allowed_signers = root.path("/allowed_signers");
    request.settings.keyring = root.path("/keyring.gpg");
    request.revision = server(
        "git init -q -b main .; mkdir -p manifests modules; echo one > manifests/site.pp; "
        "ln -s manifests link; printf '#!/bin/sh\n' > run; chmod 755 run; "
        "git add -A; git commit -q -m one; git rev-parse HEAD");
}

std::string FetchWorld::server(const std::string& script) const {
    return shell_with_git(root.path() / "server", script);
}

std::string FetchWorld::push(const std::string& content) const {
    return server("echo " + content + " > manifests/site.pp; git commit -q -a -m " + content + "; git rev-parse HEAD");
}

std::string FetchWorld::make_repository(const std::string& name, const std::string& more) const {
    root.make_folder("/" + name);
    return shell_with_git(root.path() / name, "git init -q -b main .; echo " + name + " > file; git add -A\n" + more +
                                                  "\ngit commit -q -m " + name + "; git rev-parse HEAD");
}

Checkout FetchWorld::fetch() {
    return fetch_checkout(request, downloads, {.progress = no_progress, .heard = [this](const PlaceAnswer& said) {
                                                   heard.push_back(said);
                                               }});
}

Error FetchWorld::failure() {
    return error_of([&] { return fetch(); });
}

std::string FetchWorld::read(const std::string& file) const {
    return root.read("/state/checkout/" + request.revision + "/" + file);
}

std::vector<std::string> FetchWorld::checkouts() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(request.checkouts)) {
        if (entry.path().extension() != ".seal") {
            names.push_back(entry.path().filename());
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

fs::path FetchWorld::repository(const std::string& name) const {
    for (const auto& entry : fs::directory_iterator(request.repositories)) {
        const std::string found = entry.path().filename();
        if (found.starts_with(name + "-") && found.ends_with(".git")) {
            return entry.path();
        }
    }
    throw std::runtime_error("there is no repository " + name);
}

void FetchWorld::switch_server_off() const { fs::rename(root.path() / "server", root.path() / "off"); }
void FetchWorld::switch_server_on() const { fs::rename(root.path() / "off", root.path() / "server"); }

void unpack_objects(const fs::path& repository) {
    shell_with_git(repository,
                   "mkdir -p ../unpack; mv objects/pack/*.pack ../unpack/; rm -f objects/pack/*; "
                   "for pack in ../unpack/*.pack; do git unpack-objects -q < $pack; done; rm -r ../unpack");
}

fs::path object_file(const fs::path& repository, const std::string& id) {
    return repository / "objects" / id.substr(0, 2) / id.substr(2);
}

}  // namespace bootwright
