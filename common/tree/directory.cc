#include "common/tree/directory.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <linux/fs.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "common/status/status_macros.h"
#include "common/tree/descriptor.h"
#include "common/tree/directory_parent.h"
#include "common/tree/errno_status.h"

namespace waybill::tree {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY;

/// `name` of `parent` is a regular file, or why it is not one that we touch.
absl::Status CheckRegular(int descriptor, absl::string_view operation, absl::string_view path) {
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) return ErrnoToStatus(errno, operation, path);
  if (S_ISREG(status.st_mode)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(operation, " ", Escaped(path), ": not a regular file"));
}

absl::string_view ParentOf(absl::string_view path) {
  return path.substr(0, std::max<size_t>(path.rfind('/'), 1));
}

std::string Join(absl::string_view parent, absl::string_view name) {
  return absl::StrCat(parent, "/", name);
}

absl::Status FillTemporary(File& file, absl::string_view bytes, const WriteOptions& options) {
  WAYBILL_RETURN_IF_ERROR(file.WriteFull(0, bytes));
  WAYBILL_RETURN_IF_ERROR(file.SetMode(options.mode));
  // Not fdatasync: the mode has to be there too.
  if (options.durable && Retry([&] { return fsync(file.descriptor()); }) != 0) {
    return ErrnoToStatus(errno, "sync", file.path());
  }
  return absl::OkStatus();
}

}  // namespace

std::string TemporaryName() {
  uint64_t random = 0;
  // Cannot fail or come short for 8 bytes once the machine has booted.
  Retry([&] { return getrandom(&random, sizeof(random), 0); });
  return absl::StrCat(kTemporaryPrefix, absl::Hex(random, absl::kZeroPad16));
}

Directory::Directory(int descriptor, std::string path)
    : descriptor_(descriptor), path_(std::move(path)) {}

Directory::Directory(Directory&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

Directory& Directory::operator=(Directory&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

Directory::~Directory() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<Directory> Directory::Open(absl::string_view path) {
  if (path.empty() || path[0] != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("open directory ", Escaped(path), ": not absolute"));
  }
  std::string text(path);
  const int descriptor = Retry([&] { return open(text.c_str(), kDirectoryFlags | O_CLOEXEC); });
  if (descriptor < 0) return ErrnoToStatus(errno, "open directory", path);
  return Directory(descriptor, std::move(text));
}

absl::StatusOr<Directory> Directory::Create(absl::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  absl::StatusOr<Directory> found = Open(path);
  if (!absl::IsNotFound(found.status()) || path.size() == 1) return found;
  WAYBILL_ASSIGN_OR_RETURN(const Directory parent, Create(ParentOf(path)));
  if (mkdir(std::string(path).c_str(), 0755) != 0 && errno != EEXIST) {
    return ErrnoToStatus(errno, "make directory", path);
  }
  WAYBILL_RETURN_IF_ERROR(parent.Sync());
  return Open(path);
}

absl::StatusOr<Directory::Parent> Directory::ResolveParent(absl::string_view path,
                                                           absl::string_view operation) const {
  WAYBILL_RETURN_IF_ERROR(CheckRelativePath(path));
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return Parent{descriptor_, Descriptor(), std::string(path)};
  Descriptor held(OpenBeneath(descriptor_, std::string(path.substr(0, slash)), kDirectoryFlags, 0));
  if (held.get() < 0) return ErrnoToStatus(errno, operation, path);
  const int descriptor = held.get();
  return Parent{descriptor, std::move(held), std::string(path.substr(slash + 1))};
}

// Directories.

absl::StatusOr<Directory> Directory::OpenDirectory(absl::string_view path) const {
  WAYBILL_RETURN_IF_ERROR(CheckRelativePath(path));
  const int descriptor = OpenBeneath(descriptor_, std::string(path), kDirectoryFlags, 0);
  if (descriptor < 0) return ErrnoToStatus(errno, "open directory", path);
  return Directory(descriptor, Join(path_, path));
}

absl::StatusOr<Directory> Directory::OpenChild(const std::string& name,
                                               const std::string& shown_path) const {
  const int descriptor = OpenBeneath(descriptor_, name, kDirectoryFlags, 0, RESOLVE_NO_XDEV);
  if (descriptor < 0) return ErrnoToStatus(errno, "open directory", shown_path);
  return Directory(descriptor, Join(path_, name));
}

absl::Status Directory::MakeDirectory(absl::string_view path, mode_t mode) const {
  WAYBILL_ASSIGN_OR_RETURN(const Parent parent, ResolveParent(path, "make directory"));
  if (mkdirat(parent.descriptor, parent.name.c_str(), mode) == 0) return absl::OkStatus();
  return ErrnoToStatus(errno, "make directory", path);
}

absl::StatusOr<Directory> Directory::MakeDirectories(absl::string_view path, mode_t mode) const {
  WAYBILL_RETURN_IF_ERROR(CheckRelativePath(path));
  Descriptor held;
  for (const absl::string_view component : absl::StrSplit(path, '/')) {
    const std::string name(component);
    const int parent = held.get() >= 0 ? held.get() : descriptor_;
    if (mkdirat(parent, name.c_str(), mode) != 0 && errno != EEXIST) {
      return ErrnoToStatus(errno, "make directories", path);
    }
    Descriptor next(OpenBeneath(parent, name, kDirectoryFlags, 0));
    if (next.get() < 0) return ErrnoToStatus(errno, "make directories", path);
    held = std::move(next);
  }
  return Directory(held.Release(), Join(path_, path));
}

// Files.

absl::StatusOr<File> Directory::OpenRegular(absl::string_view path, int flags, mode_t mode,
                                            absl::string_view operation) const {
  WAYBILL_RETURN_IF_ERROR(CheckRelativePath(path));
  const int descriptor =
      OpenBeneath(descriptor_, std::string(path), flags | O_NONBLOCK | O_NOCTTY, mode);
  if (descriptor < 0) return ErrnoToStatus(errno, operation, path);
  File file(descriptor, std::string(path));
  WAYBILL_RETURN_IF_ERROR(CheckRegular(descriptor, operation, path));
  return file;
}

absl::StatusOr<File> Directory::OpenFile(absl::string_view path) const {
  return OpenRegular(path, O_RDONLY, 0, "open");
}

absl::StatusOr<File> Directory::OpenReadWrite(absl::string_view path) const {
  return OpenRegular(path, O_RDWR, 0, "open for writing");
}

absl::StatusOr<File> Directory::OpenOrCreate(absl::string_view path, mode_t mode) const {
  return OpenRegular(path, O_RDWR | O_CREAT, mode, "open or create");
}

absl::StatusOr<File> Directory::CreateFile(absl::string_view path, mode_t mode) const {
  return OpenRegular(path, O_RDWR | O_CREAT | O_EXCL, mode, "create");
}

absl::StatusOr<std::string> Directory::ReadFile(absl::string_view path, int64_t bytes_max) const {
  WAYBILL_ASSIGN_OR_RETURN(const File file, OpenFile(path));
  WAYBILL_ASSIGN_OR_RETURN(const int64_t size, file.Size());
  if (size > bytes_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("read ", Escaped(path), ": ", size, " bytes, over the limit of ", bytes_max));
  }
  // One byte more than it should have shows that it grew: better than a silently cut text.
  std::string content(static_cast<size_t>(size) + 1, '\0');
  WAYBILL_ASSIGN_OR_RETURN(const int64_t count, file.ReadAt(0, absl::MakeSpan(content)));
  if (count != size)
    return absl::AbortedError(absl::StrCat("read ", Escaped(path), ": changed meanwhile"));
  content.resize(static_cast<size_t>(size));
  return content;
}

absl::Status Directory::WriteFile(absl::string_view path, absl::string_view bytes,
                                  const WriteOptions& options) const {
  WAYBILL_ASSIGN_OR_RETURN(const Parent parent, ResolveParent(path, "write"));
  const std::string temporary = TemporaryName();
  const int descriptor =
      OpenBeneath(parent.descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (descriptor < 0) return ErrnoToStatus(errno, "write", path);
  File file(descriptor, std::string(path));
  absl::Status status = FillTemporary(file, bytes, options);
  if (status.ok() &&
      renameat(parent.descriptor, temporary.c_str(), parent.descriptor, parent.name.c_str()) != 0) {
    status = ErrnoToStatus(errno, "write", path);
  }
  if (!status.ok()) {
    unlinkat(parent.descriptor, temporary.c_str(), 0);
    return status;
  }
  if (options.durable && Retry([&] { return fsync(parent.descriptor); }) != 0) {
    return ErrnoToStatus(errno, "sync the directory of", path);
  }
  return absl::OkStatus();
}

// Names.

absl::Status Directory::RenameWithFlags(absl::string_view from, const Directory& to_directory,
                                        absl::string_view to, unsigned flags) const {
  WAYBILL_ASSIGN_OR_RETURN(const Parent source, ResolveParent(from, "rename"));
  WAYBILL_ASSIGN_OR_RETURN(const Parent target, to_directory.ResolveParent(to, "rename to"));
  if (renameat2(source.descriptor, source.name.c_str(), target.descriptor, target.name.c_str(),
                flags) == 0) {
    return absl::OkStatus();
  }
  return ErrnoToStatus(errno, absl::StrCat("rename ", Escaped(from), " to"), to);
}

absl::Status Directory::Rename(absl::string_view from, const Directory& to_directory,
                               absl::string_view to) const {
  return RenameWithFlags(from, to_directory, to, 0);
}

absl::Status Directory::RenameNoReplace(absl::string_view from, const Directory& to_directory,
                                        absl::string_view to) const {
  return RenameWithFlags(from, to_directory, to, RENAME_NOREPLACE);
}

absl::Status Directory::Exchange(absl::string_view one, const Directory& other_directory,
                                 absl::string_view other) const {
  return RenameWithFlags(one, other_directory, other, RENAME_EXCHANGE);
}

absl::Status Directory::Remove(absl::string_view path) const {
  WAYBILL_ASSIGN_OR_RETURN(const Parent parent, ResolveParent(path, "remove"));
  if (unlinkat(parent.descriptor, parent.name.c_str(), 0) == 0) return absl::OkStatus();
  return ErrnoToStatus(errno, "remove", path);
}

absl::Status Directory::RemoveDirectory(absl::string_view path) const {
  WAYBILL_ASSIGN_OR_RETURN(const Parent parent, ResolveParent(path, "remove directory"));
  if (unlinkat(parent.descriptor, parent.name.c_str(), AT_REMOVEDIR) == 0) return absl::OkStatus();
  return ErrnoToStatus(errno, "remove directory", path);
}

absl::Status Directory::MakeLink(absl::string_view path, absl::string_view target) const {
  WAYBILL_ASSIGN_OR_RETURN(const Parent parent, ResolveParent(path, "make link"));
  if (symlinkat(std::string(target).c_str(), parent.descriptor, parent.name.c_str()) == 0) {
    return absl::OkStatus();
  }
  return ErrnoToStatus(errno, "make link", path);
}

absl::StatusOr<std::string> Directory::ReadLink(absl::string_view path) const {
  WAYBILL_ASSIGN_OR_RETURN(const Parent parent, ResolveParent(path, "read link"));
  std::string target(kLinkTargetBytesMax + 1, '\0');
  const ssize_t count =
      readlinkat(parent.descriptor, parent.name.c_str(), target.data(), target.size());
  if (count < 0) return ErrnoToStatus(errno, "read link", path);
  target.resize(static_cast<size_t>(count));
  return target;
}

// Looking.

absl::StatusOr<FileInfo> Directory::Stat(absl::string_view path) const {
  WAYBILL_ASSIGN_OR_RETURN(const Parent parent, ResolveParent(path, "stat"));
  struct stat status = {};
  if (fstatat(parent.descriptor, parent.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoToStatus(errno, "stat", path);
  }
  return ToFileInfo(status);
}

absl::StatusOr<bool> Directory::Exists(absl::string_view path) const {
  const absl::Status status = Stat(path).status();
  if (status.ok()) return true;
  if (absl::IsNotFound(status)) return false;
  return status;
}

absl::StatusOr<SpaceInfo> Directory::Space() const {
  struct statvfs space = {};
  if (Retry([&] { return fstatvfs(descriptor_, &space); }) != 0) {
    return ErrnoToStatus(errno, "measure space of", path_);
  }
  struct stat status = {};
  if (fstat(descriptor_, &status) != 0) return ErrnoToStatus(errno, "stat", path_);
  SpaceInfo info;
  info.free_bytes = static_cast<int64_t>(space.f_bavail * space.f_frsize);
  info.total_bytes = static_cast<int64_t>(space.f_blocks * space.f_frsize);
  info.file_system = status.st_dev;
  return info;
}

// This directory itself, or one entry.

absl::Status Directory::Sync() const {
  if (Retry([&] { return fsync(descriptor_); }) == 0) return absl::OkStatus();
  return ErrnoToStatus(errno, "sync", path_);
}

absl::StatusOr<FileInfo> Directory::Stat() const {
  struct stat status = {};
  if (fstat(descriptor_, &status) != 0) return ErrnoToStatus(errno, "stat", path_);
  return ToFileInfo(status);
}

absl::Status Directory::SetMode(mode_t mode) const {
  if (fchmod(descriptor_, mode) == 0) return absl::OkStatus();
  return ErrnoToStatus(errno, "set mode of", path_);
}

absl::Status Directory::SetModifiedTime(absl::Time time) const {
  const timespec times[2] = {{0, UTIME_OMIT}, absl::ToTimespec(time)};
  if (futimens(descriptor_, times) == 0) return absl::OkStatus();
  return ErrnoToStatus(errno, "set time of", path_);
}

absl::Status Directory::SetModifiedTime(absl::string_view path, absl::Time time) const {
  WAYBILL_ASSIGN_OR_RETURN(const Parent parent, ResolveParent(path, "set time of"));
  const timespec times[2] = {{0, UTIME_OMIT}, absl::ToTimespec(time)};
  if (utimensat(parent.descriptor, parent.name.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0) {
    return absl::OkStatus();
  }
  return ErrnoToStatus(errno, "set time of", path);
}

}  // namespace waybill::tree
