#include "agent/repository/modules/ahead.hpp"

#include "agent/repository/sources/downloader.hpp"
#include "common/base/side_by_side.hpp"
#include "common/files/file.hpp"
#include "common/net/url.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <set>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;

namespace {

/// Modules that are obtained one after the other.
struct Share {
    std::vector<WantedModule> modules{};
    bool is_of_releases = false;  ///< all of one server
};

/// The place that is asked first.
const Url& first_place(const FetchRequest& request, const WantedModule& release) {
    return request.release_mirrors.empty() ? release.url : request.release_mirrors.front();
}

/// Adds the releases of one server, in as many shares as are obtained at once. `groups`: those of one repository each.
void add_shares(std::vector<Share>& shares, const std::vector<std::vector<WantedModule>>& groups) {
    const std::size_t first = shares.size();
    const std::size_t count = std::min(most_at_once, groups.size());
    shares.resize(first + count, {.is_of_releases = true});
    for (std::size_t i = 0; i < groups.size(); ++i) {
        std::vector<WantedModule>& share = shares[first + i % count].modules;
        share.insert(share.end(), groups[i].begin(), groups[i].end());
    }
}

std::vector<Share> shares_of(const FetchRequest& request, const std::vector<WantedModule>& modules) {
    std::map<fs::path, std::vector<WantedModule>> by_folder;
    for (const WantedModule& module : modules) {
        by_folder[folder_of(request, module)].push_back(module);
    }
    std::vector<Share> shares;
    std::map<std::string, std::vector<std::vector<WantedModule>>> by_server;
    for (auto& [folder, group] : by_folder) {
        const WantedModule& one = group.front();
        if (one.release && first_place(request, one).scheme() != "file") {
            by_server[first_place(request, one).server()].push_back(std::move(group));
        } else {
            shares.push_back({std::move(group)});
        }
    }
    for (const auto& [server, groups] : by_server) {
        add_shares(shares, groups);
    }
    return shares;
}

/// Obtains one share, with what is a thread's own.
class ShareWorker {
public:
    ShareWorker(const FetchRequest& request, ProcessRunner& processes, const FetchEvents& events,
                const Mirrors& mirrors, const Share& share, Ahead& result, std::mutex& mutex)
        : request_(request),
          share_(share),
          result_(result),
          mutex_(mutex),
          downloader_(request_, processes, events.progress),
          mirrors_(mirrors, downloader_, events.progress, events.heard) {}

    void run() {
        if (share_.is_of_releases) {
            obtain_releases();
        }
        for (const WantedModule& module : share_.modules) {
            obtain(module);
        }
        remove_tree(request_.downloads);
    }

private:
    /// What is not obtained here is asked for alone, which tells why, and goes on to the other places.
    void obtain_releases() {
        std::vector<const WantedModule*> missing;
        std::vector<PlacedRelease> wanted;
        for (const WantedModule& module : share_.modules) {
            if (!open_module(request_, module).repository.is_complete(module.commit)) {
                missing.push_back(&module);
                wanted.push_back({first_place(request_, module), *module.release});
            }
        }
        if (wanted.size() < 2) {
            return;
        }
        try {
            mirrors_.fetch_ahead(wanted, [&](std::size_t number) { take(*missing[number], wanted[number].place); });
        } catch (const Error& error) {
            if (error.kind == ErrorKind::stopped) {
                throw;
            }
        }
    }

    /// Takes a release that has come from the place.
    void take(const WantedModule& module, const Url& place) {
        try {
            RepositorySource source = open_module(request_, module);
            source.places = {place};
            obtain(module, source);
        } catch (const Error&) {
            return;
        }
    }

    void obtain(const WantedModule& module) {
        if (done_.contains(module.path)) {
            return;
        }
        try {
            RepositorySource source = open_module(request_, module);
            obtain(module, source);
        } catch (const Error& error) {
            const std::lock_guard lock(mutex_);
            result_.failed.emplace(module.path, error);
        }
    }

    /// @throws Error as Mirrors::obtain
    void obtain(const WantedModule& module, RepositorySource& source) {
        mirrors_.obtain(source, module.commit, false);
        done_.insert(module.path);
        const std::lock_guard lock(mutex_);
        result_.obtained.emplace(module.path, source.repository);
    }

    const FetchRequest& request_;
    const Share& share_;
    Ahead& result_;
    std::mutex& mutex_;
    Downloader downloader_;
    Mirrors mirrors_;
    std::set<std::string> done_{};
};

}  // namespace

Ahead obtain_ahead(const FetchRequest& request, ProcessRunner& processes, const FetchEvents& events,
                   const Mirrors& mirrors, const std::vector<WantedModule>& modules) {
    if (modules.size() < 2) {
        return {};
    }
    const std::vector<Share> shares = shares_of(request, modules);
    make_folder(request.downloads, 0700);
    std::mutex mutex;
    const FetchEvents shared = one_by_one(events, mutex);
    Ahead result;
    std::mutex result_mutex;
    side_by_side(shares.size(), most_at_once, [&](std::size_t number) {
        FetchRequest own = request;
        own.downloads /= std::to_string(number);
        ShareWorker(own, processes, shared, mirrors, shares[number], result, result_mutex).run();
    });
    return result;
}

}  // namespace bootwright
