#include "common/git/git.hpp"

#include "common/base/error.hpp"
#include "common/git/incoming.hpp"
#include "common/git/references.hpp"
#include "common/git/tree.hpp"

#include <algorithm>
#include <utility>

namespace bootwright {

namespace fs = std::filesystem;
using namespace libgit2;

namespace {

std::string text_of(const git_buf& buffer) { return {buffer.ptr, buffer.size}; }

/// Where the signature in a tag's text begins: at the last line that could begin one, as in git (gpg-interface.c). The
/// text's end if there is none.
std::size_t start_of_signature(std::string_view text) {
    std::size_t start = text.size();
    for (std::size_t line = 0; line < text.size(); line = std::min(text.find('\n', line), text.size() - 1) + 1) {
        for (const std::string_view mark : {"-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----",
                                            "-----BEGIN SIGNED MESSAGE-----", "-----BEGIN SSH SIGNATURE-----"}) {
            if (text.substr(line).starts_with(mark)) {
                start = line;
            }
        }
    }
    return start;
}

/// An entry of a tree; null if there is none.
using EntryHandle = Handle<git_tree_entry, git_tree_entry_free>;
EntryHandle find_entry(const git_tree* tree, const std::string& path) {
    EntryHandle entry;
    const int code = git_tree_entry_bypath(out(entry), tree, path.c_str());
    if (code != GIT_ENOTFOUND) {
        check_local(code, "\"" + path + "\" of the tree");
    }
    return entry;
}

}  // namespace

GitRepository GitRepository::open_or_create(const fs::path& folder, const std::vector<fs::path>& alternates) {
    auto handles = std::make_shared<Handles>(Handles{.folder = folder, .alternates = alternates});
    if (!fs::exists(folder / "HEAD")) {
        RepositoryHandle created;
        check_local(git_repository_init(out(created), folder.c_str(), 1), "the repository " + folder.string());
    }
    remove_left_overs(*handles);
    handles->repository = open_again(*handles);
    check_references(handles->repository.get());
    return GitRepository(std::move(handles));
}

const fs::path& GitRepository::folder() const { return handles_->folder; }

void GitRepository::add_alternate(const fs::path& bare_repository) {
    handles_->alternates.push_back(bare_repository);
    handles_->repository = open_again(*handles_);
}

bool GitRepository::has_commit(const std::string& commit_id) const {
    return is_there(handles_->repository.get(), object_id(commit_id), GIT_OBJECT_COMMIT);
}

void GitRepository::refuse_other_object(const std::string& id) const {
    libgit2::refuse_other_object(handles_->repository.get(), id);
}

bool GitRepository::has_tag(const std::string& tag_id) const {
    return is_there(handles_->repository.get(), object_id(tag_id), GIT_OBJECT_TAG);
}

bool GitRepository::is_complete(const std::string& commit_id) const { return !first_missing(commit_id); }

std::optional<std::string> GitRepository::first_missing(const std::string& commit_id) const {
    if (!has_commit(commit_id)) {
        return "";
    }
    const Surveyed surveyed = survey(*handles_, commit_id);
    return surveyed.facts ? std::nullopt : std::optional(surveyed.missing);
}

TreeSize GitRepository::tree_size(const std::string& commit_id) const { return facts_of(*handles_, commit_id).size; }

std::vector<Submodule> GitRepository::submodules(const std::string& commit_id) const {
    constexpr std::uint64_t most = 10'000;
    const std::uint64_t count = facts_of(*handles_, commit_id).submodules;
    if (count > most) {
        throw tree_refused(
            "the tree of commit " + commit_id + " holds more than " + std::to_string(most) + " submodules",
            "vendor them: put their files into the repository itself");
    }
    git_repository* repository = handles_->repository.get();
    std::vector<Submodule> found;
    if (count == 0) {
        return found;
    }
    walk_tree(repository, find_tree(repository, commit_id).get(),
              [&](const std::string& path, const git_tree_entry* entry) {
                  const git_oid& id = *git_tree_entry_id(entry);
                  if (git_tree_entry_filemode(entry) == GIT_FILEMODE_COMMIT) {
                      found.push_back({path, hex(id)});
                  }
                  const auto below = handles_->known_trees.find(id);
                  const bool has_none = below != handles_->known_trees.end() && below->second.submodules == 0;
                  return has_none ? Step::skip_folder : Step::go_on;
              });
    return found;
}

std::optional<std::string> GitRepository::read_file_of(const std::string& commit_id, const std::string& path,
                                                       std::size_t cap) const {
    git_repository* repository = handles_->repository.get();
    const EntryHandle entry = find_entry(find_tree(repository, commit_id).get(), path);
    if (!entry || git_tree_entry_type(entry.get()) != GIT_OBJECT_BLOB ||
        git_tree_entry_filemode(entry.get()) == GIT_FILEMODE_LINK) {
        return std::nullopt;
    }
    std::size_t bytes = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    const git_oid& id = *git_tree_entry_id(entry.get());
    check_local(git_odb_read_header(&bytes, &type, handles_->odb().get(), &id), "file " + path);
    if (bytes > cap) {
        throw permanent_error(
            "io.too_large",
            path + " of commit " + commit_id + " is larger than the " + std::to_string(cap) + " bytes allowed here",
            "make the file smaller");
    }
    return std::string(content_of(find_blob(repository, id, path).get()));
}

std::string GitRepository::tree_of(const std::string& commit_id) const {
    return hex(*git_commit_tree_id(find_commit(handles_->repository.get(), commit_id).get()));
}

std::optional<std::string> GitRepository::find_commit_by(const std::string& beginning) const {
    git_oid start{};
    if (git_oid_fromstrn(&start, beginning.data(), beginning.size()) != 0) {
        return std::nullopt;
    }
    CommitHandle commit;
    const int code = git_commit_lookup_prefix(out(commit), handles_->repository.get(), &start, beginning.size());
    if (code == GIT_ENOTFOUND || code == GIT_EAMBIGUOUS) {
        return std::nullopt;
    }
    check_local(code, "commit " + beginning);
    return hex(*git_commit_id(commit.get()));
}

std::vector<std::string> GitRepository::names_in(const std::string& commit_id, const std::string& path) const {
    git_repository* repository = handles_->repository.get();
    TreeHandle tree = find_tree(repository, commit_id);
    if (!path.empty()) {
        const EntryHandle entry = find_entry(tree.get(), path);
        if (!entry || git_tree_entry_type(entry.get()) != GIT_OBJECT_TREE) {
            return {};
        }
        tree = find_subtree(repository, *git_tree_entry_id(entry.get()));
    }
    std::vector<std::string> names;
    for (std::size_t i = 0; i < git_tree_entrycount(tree.get()); ++i) {
        names.emplace_back(git_tree_entry_name(git_tree_entry_byindex(tree.get(), i)));
    }
    return names;
}

bool GitRepository::descends_from(const std::string& commit_id, const std::string& ancestor) const {
    return descent(commit_id, ancestor) == Descent::shown;
}

Descent GitRepository::descent(const std::string& commit_id, const std::string& ancestor) const {
    Descent otherwise = Descent::refuted;
    const OdbHandle odb = handles_->odb();
    const git_oid wanted = object_id(ancestor);
    IdSet seen{object_id(commit_id)};
    std::vector<git_oid> open(seen.begin(), seen.end());
    while (!open.empty()) {
        const git_oid id = open.back();
        open.pop_back();
        if (git_oid_equal(&id, &wanted) != 0) {
            return Descent::shown;
        }
        const auto parents = parents_of(odb.get(), id);
        otherwise = parents ? otherwise : Descent::unknown;
        for (const git_oid& parent : parents.value_or(std::vector<git_oid>())) {
            if (seen.insert(parent).second) {
                open.push_back(parent);
            }
        }
    }
    return otherwise;
}

CommitText GitRepository::commit_text(const std::string& commit_id) const {
    constexpr std::size_t longest = 1000;
    const CommitHandle commit = find_commit(handles_->repository.get(), commit_id);
    const auto start = [](const char* text) { return std::string(text == nullptr ? "" : text).substr(0, longest); };
    const git_signature* author = git_commit_author(commit.get());
    return {start(git_commit_summary(commit.get())), start(author == nullptr ? nullptr : author->name),
            author == nullptr ? 0 : author->when.time};
}

std::optional<SignedText> GitRepository::commit_signature(const std::string& commit_id) const {
    git_repository* repository = handles_->repository.get();
    const CommitHandle commit = find_commit(repository, commit_id);
    git_oid id = object_id(commit_id);
    git_buf signature = GIT_BUF_INIT;
    git_buf payload = GIT_BUF_INIT;
    const std::unique_ptr<git_buf, void (*)(git_buf*)> signature_owner(&signature, git_buf_dispose);
    const std::unique_ptr<git_buf, void (*)(git_buf*)> payload_owner(&payload, git_buf_dispose);
    const int code = git_commit_extract_signature(&signature, &payload, repository, &id, nullptr);
    if (code == GIT_ENOTFOUND) {
        return std::nullopt;
    }
    check_object(code, repository, object_id(commit_id), "the signature of commit " + commit_id);
    return SignedText{text_of(signature), text_of(payload), git_commit_time(commit.get())};
}

std::optional<SignedText> GitRepository::tag_signature(const std::string& tag_id) const {
    const TagHandle tag = find_tag(handles_->repository.get(), tag_id);
    const OdbHandle odb = handles_->odb();
    const ObjectHandle object = read_object(odb.get(), *git_tag_id(tag.get()), "tag " + tag_id);
    const std::string_view text = content_of(object.get());
    const std::size_t start = start_of_signature(text);
    if (start == text.size()) {
        return std::nullopt;
    }
    const git_signature* tagger = git_tag_tagger(tag.get());
    return SignedText{std::string(text.substr(start)), std::string(text.substr(0, start)),
                      tagger == nullptr ? 0 : tagger->when.time};
}

TagChain GitRepository::follow_tag(const std::string& tag_id) const {
    constexpr std::size_t most = 16;
    TagChain chain{{}, tag_id};
    for (git_object_t type = GIT_OBJECT_TAG; type == GIT_OBJECT_TAG && chain.tags.size() < most;) {
        chain.tags.push_back(chain.target);
        const TagHandle tag = find_tag(handles_->repository.get(), chain.target);
        type = git_tag_target_type(tag.get());
        chain.target = hex(*git_tag_target_id(tag.get()));
    }
    return chain;
}

std::string GitRepository::tag_name(const std::string& tag_id) const {
    return git_tag_name(find_tag(handles_->repository.get(), tag_id).get());
}

}  // namespace bootwright
