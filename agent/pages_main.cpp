// bootwright-pages: writes the manual pages, the completion of shells and the JSON Schemas, when the package is built. It is not
// installed.

#include "agent/commands/command_line.hpp"
#include "agent/config/schema.hpp"
#include "agent/pages/completion.hpp"
#include "agent/pages/man_page.hpp"
#include "common/base/error.hpp"
#include "common/files/file.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

namespace {

using namespace bootwright;  // NOLINT(google-build-using-namespace): this file is the program
namespace fs = std::filesystem;

constexpr std::array documents{
    DocumentPage{"configuration.md", "bootwright.json", '5', "the image's configuration, /etc/bootwright/agent.json"},
    DocumentPage{"role-config.md", "bootwright-role", '5', "what one machine is to be: user-data, tags, a file"},
    DocumentPage{"status.md", "bootwright-status.json", '5', "the status file, /run/bootwright/status.json"},
    DocumentPage{"history.md", "bootwright-history.jsonl", '5', "what stays of each run, for years"},
    DocumentPage{"files.md", "bootwright-files", '5', "what stands on disk"},
    DocumentPage{"hooks.md", "bootwright-hooks", '7', "programs that run around each run"},
    DocumentPage{"operations.md", "bootwright-errors", '7', "what each error means, what to check, what to do"},
};

constexpr std::size_t largest = std::size_t{1} << 20U;

void write(const fs::path& folder, const std::string& name, const std::string& text) {
    write_file(folder / name, text, 0644);
}

/// @param docs the folder docs/ of the sources @param folder has to be there
void write_pages(const fs::path& docs, const std::string& date, const fs::path& folder) {
    const PageSource source{.date = date, .commands = read_file(docs / "commands.md", largest)};
    write(folder, "bootwright.1", overview_page(source));
    for (const Command* command : all_commands()) {
        if (command->run != nullptr) {
            write(folder, page_name(*command) + ".1", command_page(source, *command));
        }
    }
    for (const DocumentPage& page : documents) {
        write(folder, std::string(page.name) + "." + page.section,
              document_page(source, page, read_file(docs / page.document, largest)));
    }
    write(folder, "bootwright.bash", bash_completion());
    write(folder, "_bootwright", zsh_completion());
    write(folder, "bootwright.fish", fish_completion());
    write(folder, "agent.schema.json", to_text(agent_schema()));
    write(folder, "role.schema.json", to_text(role_schema()));
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) {
        std::fputs("usage: bootwright-pages DOCS YYYY-MM-DD FOLDER\n", stderr);
        return exit_usage;
    }
    try {
        write_pages(arguments[1], arguments[2], arguments[3]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bootwright-pages: %s\n", error.what());
        return exit_failed;
    }
    return exit_ok;
}
