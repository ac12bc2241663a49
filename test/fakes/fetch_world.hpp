#pragma once

#include "agent/repository/fetch/fetch.hpp"
#include "test/fakes/fake_downloads.hpp"
#include "test/fakes/temporary_root.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace bootwright {

/// A control repository that the git program made (on this machine, at /server), and an instance that fetches it. What speaks
/// to servers is a script.
struct FetchWorld {
    FetchWorld();

    /// The last line that a script prints in the control repository.
    std::string server(const std::string& script) const;
    /// A new commit on its branch; its id.
    std::string push(const std::string& content) const;
    /// Another repository at /NAME, of one commit with the file `file` in it, and what the script `more` stages; its commit.
    std::string make_repository(const std::string& name, const std::string& more = "") const;
    [[nodiscard]] std::string url_of(const std::string& name) const {
        return "file://" + (root.path() / name).string();
    }

    /// The control repository is at these places.
    void set_places(std::vector<Url> places) { request.places = std::move(places); }

    Checkout fetch();
    Error failure();

    /// What stands below the pinned revision's checkout.
    [[nodiscard]] std::string read(const std::string& file) const;
    /// The names in the folder of the checkouts, without seals.
    [[nodiscard]] std::vector<std::string> checkouts() const;
    /// Our own repository of the given one (NAME-HASH.git).
    [[nodiscard]] std::filesystem::path repository(const std::string& name = "server") const;
    void switch_server_off() const;
    void switch_server_on() const;

    TemporaryRoot root{};
    FakeDownloads downloads{};
    FetchRequest request{};
    std::vector<PlaceAnswer> heard{};
};

/// Each object in a file of its own, so that one can be damaged.
void unpack_objects(const std::filesystem::path& repository);

/// The file of such an object.
std::filesystem::path object_file(const std::filesystem::path& repository, const std::string& id);

}  // namespace bootwright
