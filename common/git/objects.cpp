#include "common/git/objects.hpp"

namespace bootwright::libgit2 {

namespace {

/// The commit that a tag object leads to; "" if it leads to none that is there.
std::string peeled(git_repository* repository, const git_oid& id) {
    AnyHandle object;
    AnyHandle commit;
    const bool is_there = git_object_lookup(out(object), repository, &id, GIT_OBJECT_ANY) == 0;
    if (!is_there || git_object_peel(out(commit), object.get(), GIT_OBJECT_COMMIT) != 0) {
        return "";
    }
    return hex(*git_object_id(commit.get()));
}

}  // namespace

CommitHandle find_commit(git_repository* repository, const std::string& commit_id) {
    const git_oid id = object_id(commit_id);
    CommitHandle commit;
    check_object(git_commit_lookup(out(commit), repository, &id), repository, id, "commit " + commit_id);
    return commit;
}

TreeHandle find_tree(git_repository* repository, const std::string& commit_id) {
    const CommitHandle commit = find_commit(repository, commit_id);
    TreeHandle tree;
    check_object(git_commit_tree(out(tree), commit.get()), repository, *git_commit_tree_id(commit.get()),
                 "the tree of commit " + commit_id);
    return tree;
}

ObjectHandle read_object(git_odb* odb, const git_oid& id, std::string_view what) {
    ObjectHandle object;
    check_object(git_odb_read(out(object), odb, &id), odb, id, what);
    return object;
}

std::string_view content_of(git_odb_object* object) {
    return {static_cast<const char*>(git_odb_object_data(object)), git_odb_object_size(object)};
}

bool is_content_of(const git_oid& blob, std::string_view content) {
    git_oid found{};
    return git_odb_hash(&found, content.data(), content.size(), GIT_OBJECT_BLOB) == 0 &&
           git_oid_equal(&found, &blob) != 0;
}

bool is_there(git_repository* repository, const git_oid& id, git_object_t type) {
    AnyHandle object;
    const int code = git_object_lookup(out(object), repository, &id, type);
    if (code != GIT_ENOTFOUND) {
        check_object(code, repository, id, "object " + hex(id));
    }
    return code == 0;
}

TagHandle find_tag(git_repository* repository, const std::string& tag_id) {
    const git_oid id = object_id(tag_id);
    TagHandle tag;
    check_object(git_tag_lookup(out(tag), repository, &id), repository, id, "tag " + tag_id);
    return tag;
}

TreeHandle find_subtree(git_repository* repository, const git_oid& id) {
    TreeHandle tree;
    check_object(git_tree_lookup(out(tree), repository, &id), repository, id, "the tree " + hex(id));
    return tree;
}

std::optional<std::vector<git_oid>> parents_of(git_odb* odb, const git_oid& id) {
    if (!exists(odb, id)) {
        return std::nullopt;
    }
    const ObjectHandle object = read_object(odb, id, "commit " + hex(id));
    std::string_view text = content_of(object.get());
    std::vector<git_oid> parents;
    // "tree ID", then a line for each parent, then the author.
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
        text.remove_prefix(end + 1);
        constexpr std::string_view key = "parent ";
        git_oid parent{};
        if (!text.starts_with(key) || text.size() < key.size() + GIT_OID_SHA1_HEXSIZE ||
            git_oid_fromstrn(&parent, text.data() + key.size(), GIT_OID_SHA1_HEXSIZE) != 0) {
            break;
        }
        parents.push_back(parent);
    }
    return parents;
}

std::string_view content_of(git_blob* blob) {
    return {static_cast<const char*>(git_blob_rawcontent(blob)), static_cast<std::size_t>(git_blob_rawsize(blob))};
}

BlobHandle find_blob(git_repository* repository, const git_oid& id, const std::string& path) {
    BlobHandle blob;
    check_object(git_blob_lookup(out(blob), repository, &id), repository, id, "file " + path);
    return blob;
}

void refuse_other_object(git_repository* repository, const std::string& id) {
    const git_oid object = object_id(id);
    std::size_t bytes = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    const int code = git_odb_read_header(&bytes, &type, objects_of(repository).get(), &object);
    if (code == GIT_ENOTFOUND || type == GIT_OBJECT_COMMIT) {
        return;
    }
    check_local(code, "object " + id);
    if (type != GIT_OBJECT_TAG) {
        throw permanent_error("git.revision_invalid", id + " is a " + git_object_type2string(type) + ", not a commit",
                              "pin the commit that holds it: `git log --all --find-object=" + id + "`");
    }
    const std::string commit = peeled(repository, object);
    throw permanent_error("git.revision_invalid",
                          id + " is an annotated tag" + (commit.empty() ? ", not a commit" : " of commit " + commit),
                          commit.empty() ? "pin the commit that it leads to: `git rev-parse " + id + "^{commit}`"
                                         : "pin that commit: " + commit);
}

}  // namespace bootwright::libgit2
