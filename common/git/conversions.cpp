#include "common/git/tree.hpp"

#include "common/base/text.hpp"

#include <git2/sys/repository.h>

#include <array>

namespace bootwright {

using namespace libgit2;

namespace {

/// Git LFS's own specification (docs/spec.md): a pointer is smaller than 1024 bytes and begins with its version.
bool is_lfs_pointer(std::string_view content) {
    constexpr std::size_t largest = 1024;
    return content.size() < largest && content.starts_with("version https://git-lfs.github.com/spec/v1");
}

/// git-crypt leaves a file alone that was committed before it was told to encrypt it (commands.cpp of git-crypt).
bool is_encrypted(std::string_view content) {
    using namespace std::string_view_literals;
    return content.starts_with("\0GITCRYPT\0"sv);
}

/// Each further key of git-crypt has a filter of its own: "git-crypt-NAME".
bool is_git_crypt(std::string_view filter) { return filter == "git-crypt" || filter.starts_with("git-crypt-"); }

/// True if git converts nothing: its blobs are UTF-8 (convert.c of git, git_path_check_encoding).
bool is_usual_encoding(std::string_view encoding) {
    const std::string low = lower(encoding);
    return low.empty() || low == "utf-8" || low == "utf8";
}

/// The attribute for which git would write something else than the content; "" if it writes that.
std::string conversion_of(std::string_view filter, std::string_view encoding, std::string_view content) {
    if (content.empty()) {
        return "";
    }
    const bool is_as_it_is = filter.empty() || (filter == "lfs" && !is_lfs_pointer(content)) ||
                             (is_git_crypt(filter) && !is_encrypted(content));
    if (!is_as_it_is) {
        return "filter=" + std::string(filter);
    }
    return is_usual_encoding(encoding) ? "" : "working-tree-encoding=" + std::string(encoding);
}

/// The value; "" if the attribute is only set (as "filter"), unset or unspecified: git converts nothing then.
std::string_view text_of(const char* value) {
    return git_attr_value(value) == GIT_ATTR_VALUE_STRING ? std::string_view(value) : std::string_view();
}

}  // namespace

void libgit2::obey_attributes_of(const git_tree* tree, git_repository* repository) {
    Handle<git_index, git_index_free> index;
    check_local(git_index_new(out(index)), "a new index");
    check_local(git_index_read_tree(index.get(), tree), "the tree " + hex(*git_tree_id(tree)));
    check_local(git_repository_set_index(repository, index.get()), "a new index");
}

std::optional<UnconvertedFile> GitRepository::first_unconverted(const std::string& commit_id) const {
    if (!facts_of(*handles_, commit_id).may_be_converted) {
        return std::nullopt;
    }
    const RepositoryHandle repository = open_again(*handles_);  // its index is that of this tree
    const TreeHandle tree = find_tree(repository.get(), commit_id);
    obey_attributes_of(tree.get(), repository.get());
    std::optional<UnconvertedFile> found;
    walk_tree(repository.get(), tree.get(), [&](const std::string& path, const git_tree_entry* entry) {
        const git_filemode_t mode = git_tree_entry_filemode(entry);
        if (mode != GIT_FILEMODE_BLOB && mode != GIT_FILEMODE_BLOB_EXECUTABLE) {
            return Step::go_on;
        }
        std::array<const char*, 2> names{"filter", "working-tree-encoding"};
        std::array<const char*, 2> values{};
        check_local(
            git_attr_get_many(values.data(), repository.get(), GIT_ATTR_CHECK_INDEX_ONLY | GIT_ATTR_CHECK_NO_SYSTEM,
                              path.c_str(), names.size(), names.data()),
            "the attributes of " + path);
        const std::string filter(text_of(values[0]));
        const std::string encoding(text_of(values[1]));
        if (filter.empty() && encoding.empty()) {
            return Step::go_on;
        }
        const BlobHandle blob = find_blob(repository.get(), *git_tree_entry_id(entry), path);
        if (const std::string why = conversion_of(filter, encoding, content_of(blob.get())); !why.empty()) {
            found = {path, why};
        }
        return found ? Step::stop : Step::go_on;
    });
    return found;
}

}  // namespace bootwright
