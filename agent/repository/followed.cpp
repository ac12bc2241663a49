#include "agent/repository/followed.hpp"

#include "common/file.hpp"

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

}  // namespace bootwright
