#include "agent/repository/modules/puppetfile_passwords.hpp"

#include "agent/repository/modules/puppetfile_syntax.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

namespace bootwright {

namespace {

[[noreturn]] void refuse(std::string_view before, const std::string& why) {
    const auto lines_before = std::count(before.begin(), before.end(), '\n');
    refuse_puppetfile(static_cast<int>(lines_before) + 1, "", why,
                      "write the whole URL between quotes, by https, each sign of user and password that is no letter "
                      "and no digit as %XX; or vendor the module");
}

bool has_user(std::string_view written) {
    const std::string_view rest = written.substr(written.find("://") + 3);
    return rest.substr(0, rest.find('/')).find('@') != std::string_view::npos;
}

}  // namespace

PuppetfilePasswords take_out_passwords(const std::string& puppetfile) {
    PuppetfilePasswords taken;
    const std::string_view whole = puppetfile;
    std::size_t done = 0;
    for (std::size_t sign = whole.find("://"); sign != std::string_view::npos; sign = whole.find("://", sign + 1)) {
        const std::size_t before = whole.substr(0, sign).find_last_not_of("abcdefghijklmnopqrstuvwxyz+");
        const std::size_t begin = std::max(before == std::string_view::npos ? 0 : before + 1, done);
        const std::size_t end = std::min(whole.find_first_of(" \t\r\n\"'", sign), whole.size());
        const std::string_view written = whole.substr(begin, end - begin);
        const auto url = Url::parse(written);
        if (!has_user(written) || (url && url->scheme() == "ssh")) {  // a user of ssh is no secret
            continue;
        }
        if (!url || url->exposes_credentials()) {
            refuse(whole.substr(0, begin), url ? "user and password would be sent in clear"
                                               : "which part of the URL is the password nobody can tell");
        }
        taken.text += whole.substr(done, begin - done);
        taken.text += url->without_credentials().for_transfer();
        taken.urls.push_back(*url);
        done = end;
    }
    taken.text += whole.substr(done);
    return taken;
}

std::string credential_lines(const std::vector<Url>& urls) {
    std::string lines;
    for (const Url& url : urls) {
        std::string line = url.for_transfer();
        const std::size_t at = line.find('@');
        if (line.find(':', line.find("://") + 1) > at) {
            line.insert(at, ":");  // git ignores a line without a password; an empty one will do
        }
        lines += line + "\n";
    }
    return lines;
}

}  // namespace bootwright
