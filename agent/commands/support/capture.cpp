#include "agent/commands/support/capture.hpp"

#include "agent/commands/command.hpp"
#include "agent/commands/facts_file.hpp"
#include "agent/commands/output.hpp"
#include "agent/commands/support/known_secrets.hpp"
#include "agent/commands/support/recorded_answers.hpp"
#include "agent/commands/support/redaction.hpp"
#include "agent/config/config.hpp"
#include "agent/platform/container.hpp"
#include "agent/platform/detection.hpp"
#include "agent/platform/machine.hpp"
#include "agent/platform/ovf_environment.hpp"
#include "agent/platform/platform.hpp"
#include "agent/record/history.hpp"
#include "common/base/encoding.hpp"
#include "common/base/error.hpp"
#include "common/base/text.hpp"
#include "common/files/file.hpp"
#include "common/files/volume.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

namespace bootwright {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_file = std::size_t{1} << 20U;
constexpr const char* context_name = "context.sh";

void make_new_folder(const fs::path& folder) {
    std::error_code error;
    if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
        throw permanent_error("capture.not_empty", folder.string() + " is there already, and is not empty",
                              "name a folder that is to be made");
    }
    make_folder(folder, 0700);
}

/// Writes the tree of one machine, file by file, redacted.
class Tree {
public:
    Tree(const System& system, fs::path folder) : system_(system), folder_(std::move(folder)) {}

    void write(const std::string& path, const std::string& content) const {
        const fs::path target = folder_ / fs::path(path).relative_path();
        fs::create_directories(target.parent_path());
        write_file(target, content, 0600);
    }

    /// Copies what a rule of detection looked at. A folder is a seed or, in a tree that was captured before, a volume;
    /// a device with a label is a volume; of a socket only its presence counts.
    void copy_evidence(const std::string& path) const {
        std::error_code error;
        const fs::file_status status = fs::status(system_.path(path), error);
        if (!path.starts_with('/') || !fs::exists(status)) {
            return;
        }
        if (fs::is_directory(status) || fs::is_block_file(status)) {
            copy_seed(path);
        } else if (fs::is_regular_file(status)) {
            const std::string text = read_value(system_, path).value_or("");
            const bool is_word = path.starts_with("/sys/") || path.starts_with("/proc/");
            const bool is_role_config = !is_word && !path.starts_with("/etc/cloud/");
            write(path, is_word          ? redacted_words(text)
                        : is_role_config ? redacted_user_data(text)
                                         : redacted_document(text));
        } else {
            write(path, "");
        }
    }

    /// The image's configuration and whatever else a role config is read from, without its secrets.
    void copy_document(const std::string& path) const {
        if (const auto text = read_file_if_exists(system_.path(path), largest_file)) {
            write(path, redacted_document(*text));
        }
    }

    void copy_ovf_environment(const std::string& path) const {
        if (const auto text = read_file_if_exists(system_.path(path), largest_file)) {
            write(path, redacted_ovf_environment(*text));
        }
    }

private:
    void copy_seed(const std::string& path) const {
        struct Kept {
            const char* name;
            std::string (*redacted)(const std::string& text);
        };
        constexpr std::array<Kept, 7> files{{{"meta-data", &redacted_document},
                                             {"user-data", &redacted_user_data},
                                             {context_name, &redacted_context},
                                             {"openstack/latest/meta_data.json", &redacted_document},
                                             {"openstack/latest/user_data", &redacted_user_data},
                                             {"ec2/latest/meta-data.json", &redacted_document},
                                             {ovf_environment_file, &redacted_ovf_environment}}};
        const Volume volume = Volume::open(system_.path(path));
        for (const auto& [name, redacted] : files) {
            if (const auto text = volume.read_file_if_exists(name, largest_file)) {
                write(path + "/" + name, redacted(*text));
            }
        }
    }

    const System& system_;
    fs::path folder_;
};

void copy_files(const System& system, const AgentConfig& config, const Tree& tree) {
    for (const Platform* platform : platforms()) {
        for (const Evidence& evidence : platform->detect(system, config)) {
            tree.copy_evidence(evidence.path);
        }
    }
    if (const auto manager = container(system)) {
        tree.write("/run/systemd/container", *manager + "\n");  // that it is one; it is told in many ways
    }
    tree.copy_evidence("/proc/cmdline");
    tree.copy_evidence("/proc/net/route");                      // where CloudStack's metadata service is
    tree.copy_ovf_environment("/var/lib/waagent/ovf-env.xml");  // where Azure's custom data is left
    tree.copy_document("/etc/bootwright/agent.json");
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(system.path("/etc/bootwright/agent.d"), error)) {
        tree.copy_document("/etc/bootwright/agent.d/" + entry.path().filename().string());
    }
    tree.write("/etc/hostname", read_value(system, "/etc/hostname").value_or("") + "\n");
    tree.write("/etc/machine-id", std::string(32, '0') + "\n");  // the true one identifies the machine to others
}

/// The requests and answers of the platform's reading. Its failure may be the very reason for the capture.
Json record_answers(const System& system, const AgentConfig& config) {
    Json answers = Json::array();
    RecordingHttpClient http(system.http, answers);
    RecordingProcessRunner processes(system.processes, answers);
    const System recorded{.http = http,
                          .processes = processes,
                          .clock = system.clock,
                          .random = system.random,
                          .root = system.root,
                          .fetch_program = system.fetch_program,
                          .ruby_folder = system.ruby_folder,
                          .environment = system.environment};
    try {
        read_instance(find_platform(system, config, {}), recorded, config, {});
    } catch (const Error& error) {
        print_line("the instance's metadata could not be read, which is captured too: " + error.message + " (" +
                   error.code + ")");
    }
    for (Json& answer : answers) {
        redact_answer(answer);
    }
    return answers;
}

// NOLINTNEXTLINE(misc-no-recursion): the parser limits the depth
void clean_texts(Json& value, const Redactor& secrets) {
    if (value.is_string()) {
        value = secrets.cleaned(value.get_ref<const std::string&>());
    } else if (value.is_structured()) {
        for (Json& inner : value) {
            clean_texts(inner, secrets);
        }
    }
}

/// Writes the facts of the last run that had some, without secrets. @throws Error capture.no_facts (permanent), io.*
void capture_facts(const System& system, const AgentConfig& config, const std::string& file) {
    constexpr std::size_t largest = std::size_t{8} << 20U;
    std::vector<int> runs = runs_after(system, 0);
    std::reverse(runs.begin(), runs.end());
    for (const int number : runs) {
        const auto packed = read_file_if_exists(run_folder(system, number) / "facts.json.gz", largest);
        MachineFacts kept = facts_in(parse_json(decompress_gzip(packed.value_or(""), largest).value_or("")));
        if (kept.facts.empty()) {
            continue;
        }
        redact_facts(kept.facts);
        clean_texts(kept.facts, known_secrets(system, config));
        write_file(file, facts_file(kept, number), 0600);
        print_line(counted(kept.facts.size(), "fact") + " of run " + std::to_string(number) + " in " + file +
                   ", without values whose names speak of secrets.");
        print_line("Look through it before you give it away. `bootwright validate --facts " + file +
                   "` compiles with it.");
        return;
    }
    throw permanent_error(
        "capture.no_facts", "no run on this machine is kept in which Puppet had its facts",
        "call it as root, on a machine that bootwright has configured; `bootwright run --noop` collects "
        "facts and changes nothing");
}

void capture_folder(const System& system, const AgentConfig& config, const fs::path& folder) {
    make_new_folder(folder);
    const std::size_t answers = capture_machine(system, config, folder);
    print_line("captured in " + folder.string() + ": what detection reads, /etc/bootwright, and " +
               counted(answers, "answer") + " of the metadata service.");
    print_line(
        "Removed: user-data but for the shape of a role config, its `data`, tokens, and values whose names speak");
    print_line("of secrets. Look through it before you send it. `bootwright --root " + folder.string() +
               " explain` reads it.");
}

/// Writes this machine, as far as detection and metadata go, into a new folder, for a bug report or a fixture, or its facts into a
/// file; without secrets. @throws Error capture.not_empty, capture.no_facts (permanent), io.*, config.invalid
int run(const System& system, const CommandArguments& given) {
    if (!given.has("DIR") && !given.has("--facts")) {
        throw UsageError{"name a folder that is to be made, or a file with --facts"};
    }
    const AgentConfig config = read_agent_config(system);
    if (given.has("DIR")) {
        capture_folder(system, config, given.value("DIR"));
    }
    if (given.has("--facts")) {
        capture_facts(system, config, given.value("--facts"));
    }
    return exit_ok;
}

const Command command{
    .name = "capture",
    .help = "Write this machine into a folder for a bug report, without secrets",
    .options = {{.kind = CommandOption::Kind::argument, .name = "DIR", .help = "A folder that is to be made"},
                {.kind = CommandOption::Kind::option,
                 .name = "--facts",
                 .help = "Writes the facts of the last run into this file, for bootwright validate --facts elsewhere",
                 .value = "FILE"}},
    .examples = {{"bootwright capture /tmp/web-1", "For a bug report; look through the folder before you send it"},
                 {"bootwright capture --facts web-1.json",
                  "To compile catalogs elsewhere with this machine's facts; look through it, too"}},
    .run = run};
const Registered<Command> registered(command);

}  // namespace

std::size_t capture_machine(const System& system, const AgentConfig& config, const fs::path& folder) {
    const Tree tree(system, folder);
    copy_files(system, config, tree);
    const Json answers = record_answers(system, config);
    tree.write("/metadata-answers.json", to_text(answers));
    return answers.size();
}

}  // namespace bootwright
