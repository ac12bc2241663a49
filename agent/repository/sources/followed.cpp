#include "agent/repository/sources/followed.hpp"

#include "agent/servers/credentials.hpp"
#include "agent/servers/objects/object_store.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/net/url.hpp"

#include <algorithm>

namespace bootwright {

Followed::Followed(const std::filesystem::path& repository) : file_(repository.string() + ".followed.json") {
    constexpr std::size_t largest = std::size_t{1} << 20U;
    names_ = parse_json(read_file_if_exists(file_, largest).value_or("{}"));
}

std::string Followed::commit_of(const std::string& name) const { return string_at(names_, name.c_str()); }

void Followed::set(const std::string& name, const std::string& commit) {
    if (commit_of(name) != commit) {
        names_ = names_.is_object() ? names_ : Json::object();
        names_[name] = commit;
        write_file(file_, to_text(names_), 0600);
    }
}

void require_descent(const GitRepository& arrived, const Url& place, const std::string& name,
                     const std::string& commit) {
    const Followed followed(arrived.folder());
    const std::string before = followed.commit_of(name);
    if (before.empty() || arrived.descends_from(commit, before)) {
        return;
    }
    const std::string what = "\"" + name + "\" at " + place.shown() + " leads to " + commit;
    constexpr const char* if_meant =
        "if that is meant, set repository.allow_rewritten_branches in agent.json, or pin the commit itself";
    if (!arrived.has_commit(before)) {
        throw permanent_error("repository.past_unknown",
                              what + "; it led to " + before +
                                  " before, which is lost on this machine, and the history "
                                  "at that place does not hold it: whether the branch was rewritten is not known",
                              "compare the two commits, then pin the commit itself, or remove " +
                                  followed.file().string() + " to follow the branch anew");
    }
    if (arrived.descends_from(before, commit)) {
        throw transient_error("repository.mirror_behind",
                              what + ", which is older than " + before + ", where it led before",
                              std::string("nothing to do where that mirror is about to catch up; ") + if_meant);
    }
    throw permanent_error("repository.branch_rewritten",
                          what + ", which does not descend from " + before + ", where it led before", if_meant);
}

void refuse_unproven_name(const AgentConfig::Repository& settings, const Url& place) {
    const auto is_place = [&](const std::string& host) { return is_host_of(host, place); };
    const bool is_proven = place.scheme() == "https" || place.scheme() == "ssh" || place.scheme() == "file" ||
                           is_snapshot_url(place) || settings.verify != AgentConfig::Repository::Verify::none ||
                           std::any_of(settings.insecure.begin(), settings.insecure.end(), is_place);
    if (!is_proven) {
        throw permanent_error(
            "repository.insecure",
            "no branch or tag is followed from " + place.shown() + ": nothing proves who answers there",
            "use https or ssh, or pin a full commit id; an image may set repository.verify, or name the host in "
            "repository.insecure of agent.json");
    }
}

}  // namespace bootwright
