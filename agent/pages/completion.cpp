#include "agent/pages/completion.hpp"

#include "agent/commands/command_line.hpp"
#include "agent/commands/complete.hpp"
#include "common/base/text.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace bootwright {

namespace {

using Kind = CommandOption::Kind;

/// What every command takes, and no table has.
const CommandOption root_option{.kind = Kind::option, .name = "--root", .help = "Treat DIR as /", .value = "DIR"};
const CommandOption help_option{.kind = Kind::flag, .name = "--help", .help = "Say how to call it"};

std::string in_quotes(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return result + "'";
}

std::vector<CommandOption> options_of(const Command& command) {
    std::vector<CommandOption> options = command.options;
    options.push_back(help_option);
    options.push_back(root_option);
    return options;
}

std::vector<const CommandOption*> arguments_of(const Command& command) {
    std::vector<const CommandOption*> arguments;
    for (const CommandOption& option : command.options) {
        if (is_argument(option)) {
            arguments.push_back(&option);
        }
    }
    return arguments;
}

/// "" for a command that is in no group.
std::string group_of(const Command& command) {
    const std::size_t space = command.name.rfind(' ');
    return std::string(space == std::string_view::npos ? "" : command.name.substr(0, space));
}

std::string last_word(const Command& command) { return split(command.name, ' ').back(); }

bool is_program_asked(const std::string& value) {
    const std::vector<std::string> values = completed_values();
    return std::find(values.begin(), values.end(), value) != values.end();
}

bool is_folder(const std::string& value) { return value == "FOLDER" || value == "DIR"; }

/// In both shells: a case of `case "$command $word" in`, for each option whose next word is its value.
std::string cases_of_options() {
    std::string text = "            *' --root') wanted=DIR ;;\n";
    for (const Command* command : all_commands()) {
        for (const CommandOption& option : command->options) {
            if (takes_value(option)) {
                text += "            " + in_quotes(std::string(command->name) + " " + option.name) +
                        ") wanted=" + value_name(option) + " ;;\n";
            }
        }
    }
    return text;
}

std::string cases_of_commands() {
    std::string text;
    for (const Command* command : all_commands()) {
        text += "            " + in_quotes(group_of(*command) + " " + last_word(*command)) +
                ") command=" + in_quotes(command->name) + " ;;\n";
    }
    return text;
}

std::string cases_of_arguments() {
    std::string text;
    for (const Command* command : all_commands()) {
        int position = 0;
        for (const CommandOption* argument : arguments_of(*command)) {
            text += "            " + in_quotes(std::string(command->name) + " " + std::to_string(position++)) +
                    ") wanted=" + value_name(*argument) + " ;;\n";
        }
    }
    return text;
}

std::string word_and_meaning(std::string_view word, std::string_view meaning) {
    return " \\\n            " + in_quotes(std::string(word) + " " + std::string(meaning));
}

/// The commands of each group, "" first.
std::string cases_of_groups() {
    std::vector<std::string> groups{""};
    for (const Command* command : all_commands()) {
        if (command->run == nullptr) {
            groups.emplace_back(command->name);
        }
    }
    std::string text;
    for (const std::string& group : groups) {
        text += "        " + in_quotes(group) + ") printf '%s\\n'";
        for (const Command* command : all_commands()) {
            if (group_of(*command) == group) {
                text += word_and_meaning(last_word(*command), command->help);
            }
        }
        text += " ;;\n";
    }
    return text;
}

std::string cases_of_flags() {
    std::string text;
    for (const Command* command : all_commands()) {
        text += "        " + in_quotes(command->name) + ") printf '%s\\n'";
        for (const CommandOption& option : options_of(*command)) {
            if (!is_argument(option)) {
                text += word_and_meaning(option.name, option.help);
            }
        }
        text += " ;;\n";
    }
    return text + "        *) printf '%s\\n' '--help' '--root' ;;\n";
}

/// What bash and zsh have in common: functions that both read the same way.
std::string shared_functions() {
    return R"(# From the words before the one that is completed: command, and wanted, what stands for it in the help.
_bootwright_place() {
    local word position=0
    command='' wanted=''
    for word; do
        [[ $word == '=' ]] && continue  # bash takes --run=42 apart
        if [[ -n $wanted ]]; then
            wanted=''
            continue
        fi
        case "$command $word" in
)" + cases_of_options() +
           "            *' -'*) ;;\n" + cases_of_commands() + R"(            *) position=$((position + 1)) ;;
        esac
    done
    if [[ -z $wanted ]]; then
        case "$command $position" in
)" + cases_of_arguments() +
           R"(        esac
    fi
}

# What may stand there: a word, and its meaning after a space. $1: how it begins.
_bootwright_words() {
    case $wanted in
        )" +
           joined(completed_values(), " | ") +
           R"() [[ $1 == -* ]] || bootwright complete "$wanted" 2>/dev/null ;;
        '') [[ $1 == -* ]] || _bootwright_commands ;;
    esac
    [[ $1 != -* ]] || _bootwright_options
}

_bootwright_commands() {
    case $command in
)" + cases_of_groups() +
           R"(    esac
}

_bootwright_options() {
    case $command in
)" + cases_of_flags() +
           R"(    esac
}
)";
}

/// The end of fish's `complete` for what takes that value.
std::string fish_value(const std::string& value) {
    if (is_program_asked(value)) {
        return " -x -a '(__bootwright_words " + value + ")'";
    }
    return value == "FILE" ? " -r -F" : is_folder(value) ? " -x -a '(__fish_complete_directories)'" : " -x";
}

std::string fish_rows(const Command& command) {
    const std::string begin = "complete -c bootwright -n ";
    const std::string at = "__bootwright_at " + in_quotes(command.name);
    const std::string group = "__bootwright_at " + in_quotes(group_of(command)) + " 0";
    std::string text = begin + "\"" + group + "\" -a " + last_word(command) + " -d " + in_quotes(command.help) + "\n";
    for (const CommandOption& option : command.options) {
        if (!is_argument(option)) {
            text += begin + "\"" + at + "\" -l " + option.name.substr(2) + " -d " + in_quotes(option.help) +
                    (takes_value(option) ? fish_value(value_name(option)) : "") + "\n";
        }
    }
    int position = 0;
    for (const CommandOption* argument : arguments_of(command)) {
        const std::string value = fish_value(value_name(*argument));
        text += begin + "\"" + at + " " + std::to_string(position++) + "\"" + value.substr(3) + "\n";
    }
    return text;
}

std::string fish_switch() {
    std::string with_value = "            case '* --root'";
    std::string names = "            case";
    for (const Command* command : all_commands()) {
        names += " " + in_quotes(group_of(*command) + " " + last_word(*command));
        for (const CommandOption& option : command->options) {
            if (takes_value(option)) {
                with_value += " " + in_quotes(std::string(command->name) + " " + option.name);
            }
        }
    }
    return with_value + "\n                set is_value yes\n            case '* -*'\n" + names +
           "\n                set command (string trim \"$command $word\")\n";
}

}  // namespace

std::string bash_completion() {
    return "# bash completion of bootwright, made from its table of commands\n\n" + shared_functions() + R"(
_bootwright() {
    local command wanted line current=${COMP_WORDS[COMP_CWORD]}
    [[ $current != '=' ]] || current=''
    _bootwright_place "${COMP_WORDS[@]:1:COMP_CWORD-1}"
    COMPREPLY=()
    case $wanted in
        FILE)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            ;;
        FOLDER | DIR)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            ;;
    esac
    while IFS= read -r line; do
        line=${line%% *}
        [[ $line != "$current"* ]] || COMPREPLY+=("$line")
    done < <(_bootwright_words "$current")
}
complete -F _bootwright bootwright
)";
}

std::string zsh_completion() {
    return "#compdef bootwright\n# zsh completion of bootwright, made from its table of commands\n\n" +
           shared_functions() + R"(
_bootwright() {
    local command wanted line
    local -a described
    _bootwright_place "${(@)words[2,CURRENT-1]}"
    case $wanted in
        FILE) _files ;;
        FOLDER | DIR) _files -/ ;;
    esac
    while IFS= read -r line; do
        described+=("${${line%% *}//:/\\:}:${line#* }")
    done < <(_bootwright_words "$PREFIX")
    (( $#described == 0 )) || _describe -V bootwright described
}
_bootwright "$@"
)";
}

std::string fish_completion() {
    std::string text = R"(# fish completion of bootwright, made from its table of commands

# Whether the command line is at command $argv[1], and at its argument $argv[2], the first being 0.
function __bootwright_at
    set -l command ''
    set -l position 0
    set -l is_value no
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test $is_value = yes
            set is_value no
            continue
        end
        switch "$command $word"
)" + fish_switch() + R"(            case '*'
                set position (math $position + 1)
        end
    end
    test "$command" = "$argv[1]"; and begin
        test (count $argv) -eq 1; or test $position -eq $argv[2]
    end
end

# Each word with its meaning, as fish has them: after a tab.
function __bootwright_words
    bootwright complete $argv[1] 2>/dev/null | string replace ' ' \t
end

complete -c bootwright -f
complete -c bootwright -l help -d 'Say how to call it'
complete -c bootwright -l root -d 'Treat DIR as /' -x -a '(__fish_complete_directories)'
)";
    for (const Command* command : all_commands()) {
        text += fish_rows(*command);
    }
    return text;
}

}  // namespace bootwright
