// The operations of Directory that go over many entries.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "absl/strings/str_cat.h"

#include "common/status/status_macros.h"
#include "common/tree/descriptor.h"
#include "common/tree/directory.h"
#include "common/tree/directory_parent.h"
#include "common/tree/errno_status.h"

namespace waybill::tree {

absl::StatusOr<std::vector<std::string>> ListNames(int directory, absl::string_view shown) {
  // A descriptor of its own, so that two threads may list at once.
  Descriptor own(Retry([&] { return openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (own.get() < 0) return ErrnoToStatus(errno, "list", shown);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(own.get()), &closedir);
  if (stream == nullptr) return ErrnoToStatus(errno, "list", shown);
  own.Release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry =
        readdir(stream.get());  // NOLINT(concurrency-mt-unsafe): a stream of our own.
    if (entry == nullptr) break;
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return ErrnoToStatus(errno, "list", shown);
  return names;
}

absl::StatusOr<std::vector<std::string>> Directory::ListNames() const {
  WAYBILL_ASSIGN_OR_RETURN(std::vector<std::string> names, tree::ListNames(descriptor_, path_));
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::vector<Entry>> Directory::List() const {
  WAYBILL_ASSIGN_OR_RETURN(std::vector<std::string> names, ListNames());
  std::vector<Entry> entries;
  entries.reserve(names.size());
  for (std::string& name : names) {
    struct stat status = {};
    if (fstatat(descriptor_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
      entries.push_back({std::move(name), ToFileInfo(status)});
    } else if (errno != ENOENT) {
      return ErrnoToStatus(errno, "stat", name);
    }
  }
  return entries;
}

absl::Status Directory::Walk(Visitor visit) const {
  struct Level {
    Directory directory;
    std::string prefix;  // Of the paths in it: empty or ending in a slash.
    std::vector<Entry> entries;
    size_t next = 0;
  };
  std::vector<Level> levels;
  const auto descend = [&levels](Directory directory, std::string prefix) -> absl::Status {
    WAYBILL_ASSIGN_OR_RETURN(std::vector<Entry> entries, directory.List());
    levels.push_back({std::move(directory), std::move(prefix), std::move(entries)});
    return absl::OkStatus();
  };
  WAYBILL_ASSIGN_OR_RETURN(Directory self, OpenChild(".", path_));
  WAYBILL_RETURN_IF_ERROR(descend(std::move(self), ""));
  while (!levels.empty()) {
    Level& level = levels.back();
    if (level.next == level.entries.size()) {
      levels.pop_back();
      continue;
    }
    const Entry& entry = level.entries[level.next++];
    const std::string path = absl::StrCat(level.prefix, entry.name);
    WAYBILL_RETURN_IF_ERROR(visit(level.directory, path, entry));
    if (entry.info.type != FileType::kDirectory) continue;
    if (levels.size() == kPathDepthMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("bad_path ", Escaped(path), ": a directory too deep"));
    }
    WAYBILL_ASSIGN_OR_RETURN(Directory child, level.directory.OpenChild(entry.name, path));
    WAYBILL_RETURN_IF_ERROR(descend(std::move(child), absl::StrCat(path, "/")));
  }
  return absl::OkStatus();
}

namespace {

/// How often RemoveTree begins anew when others keep putting files where it removes.
constexpr int kRemovePassesMax = 16;

/// Opens a directory to be emptied, giving ourselves the permissions for that. Not through a link,
/// nor into another mount.
absl::StatusOr<Descriptor> OpenForRemoval(int parent, const std::string& name) {
  Descriptor handle(OpenBeneath(parent, name, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_XDEV));
  if (handle.get() < 0) return ErrnoToStatus(errno, "remove tree", name);
  struct stat status = {};
  if (fstat(handle.get(), &status) != 0) return ErrnoToStatus(errno, "remove tree", name);
  if ((status.st_mode & S_IRWXU) != S_IRWXU) {
    // An O_PATH descriptor takes no fchmod, but its link in /proc leads to the very directory it
    // holds. A refusal is no error yet: root does not need the permission.
    const std::string self = absl::StrCat("/proc/self/fd/", handle.get());
    chmod(self.c_str(), (status.st_mode & 07777) | S_IRWXU);
  }
  Descriptor opened(
      Retry([&] { return openat(handle.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (opened.get() < 0) return ErrnoToStatus(errno, "remove tree", name);
  return opened;
}

/// Empties `top`. Directories found deeper are moved up into `top` before they are emptied, so that
/// depth costs neither stack nor descriptors.
class TreeRemover {
 public:
  explicit TreeRemover(int top) : top_(top) {}

  absl::Status Run() {
    WAYBILL_ASSIGN_OR_RETURN(pending_, ListNames(top_, "a tree to remove"));
    while (!pending_.empty()) {
      const std::string name = std::move(pending_.back());
      pending_.pop_back();
      if (unlinkat(top_, name.c_str(), 0) == 0 || errno == ENOENT) continue;
      if (errno != EISDIR) return ErrnoToStatus(errno, "remove tree", name);
      WAYBILL_RETURN_IF_ERROR(RemoveDirectory(name));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status RemoveDirectory(const std::string& name) {
    WAYBILL_ASSIGN_OR_RETURN(const Descriptor directory, OpenForRemoval(top_, name));
    WAYBILL_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                             ListNames(directory.get(), name));
    for (const std::string& inner : names) {
      if (unlinkat(directory.get(), inner.c_str(), 0) == 0 || errno == ENOENT) continue;
      if (errno != EISDIR) return ErrnoToStatus(errno, "remove tree", inner);
      WAYBILL_RETURN_IF_ERROR(MoveUp(directory.get(), inner));
    }
    // Not empty again: someone is adding files. The next pass sees to it.
    if (unlinkat(top_, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTEMPTY) {
      return absl::OkStatus();
    }
    return ErrnoToStatus(errno, "remove tree", name);
  }

  absl::Status MoveUp(int directory, const std::string& name) {
    // Moving a directory changes its "..", for which it has to be writable.
    WAYBILL_RETURN_IF_ERROR(OpenForRemoval(directory, name).status());
    std::string moved = TemporaryName();
    if (renameat(directory, name.c_str(), top_, moved.c_str()) != 0) {
      return ErrnoToStatus(errno, "remove tree", name);
    }
    pending_.push_back(std::move(moved));
    return absl::OkStatus();
  }

  const int top_;
  std::vector<std::string> pending_;
};

}  // namespace

absl::Status Directory::RemoveTree(absl::string_view path) const {
  absl::Status removed = Remove(path);
  if (removed.ok() || absl::IsNotFound(removed)) return absl::OkStatus();
  const absl::StatusOr<FileInfo> info = Stat(path);
  if (!info.ok() || info->type != FileType::kDirectory) return removed;
  WAYBILL_ASSIGN_OR_RETURN(const Parent parent, ResolveParent(path, "remove tree"));
  for (int pass = 0; pass < kRemovePassesMax; ++pass) {
    WAYBILL_ASSIGN_OR_RETURN(const Descriptor top, OpenForRemoval(parent.descriptor, parent.name));
    WAYBILL_RETURN_IF_ERROR(TreeRemover(top.get()).Run());
    if (unlinkat(parent.descriptor, parent.name.c_str(), AT_REMOVEDIR) == 0)
      return absl::OkStatus();
    if (errno != ENOTEMPTY) return ErrnoToStatus(errno, "remove tree", path);
  }
  return absl::AbortedError(
      absl::StrCat("remove tree ", Escaped(path), ": others keep adding files"));
}

}  // namespace waybill::tree
