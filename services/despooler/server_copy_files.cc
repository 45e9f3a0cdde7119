#include "services/despooler/server_copy_files.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/content/byte_stream.h"
#include "common/content/digest.h"
#include "common/content/extract.h"
#include "common/content/manifest.h"
#include "common/content/progress.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"
#include "services/despooler/placement.h"

namespace waybill::despooler {
namespace {

constexpr char kCurrent[] = "current";
constexpr std::size_t kCopyBytes = std::size_t{256} << 10;

absl::Status OkIfAbsent(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

// Gives every part of `source` to `take`.
absl::Status ReadAll(content::ByteSource& source,
                     const std::function<absl::Status(absl::string_view)>& take) {
  std::string buffer(kCopyBytes, '\0');
  for (;;) {
    WAYBILL_ASSIGN_OR_RETURN(const std::size_t size, source.Read(absl::MakeSpan(buffer)));
    if (size == 0) {
      return absl::OkStatus();
    }
    WAYBILL_RETURN_IF_ERROR(take(absl::string_view(buffer.data(), size)));
  }
}

// A file system without links or without this kind of rename is no reason to refuse a package.
bool IsNotSupported(const absl::Status& status) {
  return absl::IsUnimplemented(status) || absl::IsInvalidArgument(status) ||
         absl::IsPermissionDenied(status);
}

absl::Status StillThere(absl::string_view package_path, absl::string_view name) {
  return absl::InternalError(
      absl::StrCat("\"", package_path, "/", name, "\" still stands after its removal"));
}

}  // namespace

absl::StatusOr<content::Digest> DigestOf(const content::Manifest& manifest) {
  content::Sha256 hasher;
  WAYBILL_RETURN_IF_ERROR(ReadAll(*manifest.NewSource(), [&](absl::string_view bytes) {
    hasher.Update(bytes);
    return absl::OkStatus();
  }));
  return hasher.Finish();
}

ServerCopy::ServerCopy(const tree::Directory& share, Name name)
    : share_(share),
      name_(std::move(name)),
      package_path_(PackagePath(name_.drive, name_.package_id)),
      version_name_(name_.version.Prefix16Hex()) {}

std::string ServerCopy::TemporaryName(absl::string_view what) const {
  return TemporaryCopyName(name_.version, absl::StrCat(name_.job_id, what), name_.fence);
}

absl::StatusOr<bool> ServerCopy::HoldsPackage() const {
  return share_.Exists(package_path_);
}

absl::StatusOr<bool> ServerCopy::HoldsVersion() const {
  return share_.Exists(absl::StrCat(package_path_, "/", version_name_));
}

absl::StatusOr<content::Manifest> ServerCopy::ReadManifest() const {
  const std::string path = absl::StrCat(package_path_, "/", ManifestName(name_.version));
  WAYBILL_ASSIGN_OR_RETURN(tree::File file, share_.OpenFile(path));
  content::Manifest manifest =
      content::Manifest::FromFile(std::make_shared<const tree::File>(std::move(file)));
  WAYBILL_ASSIGN_OR_RETURN(const content::Digest digest, DigestOf(manifest));
  if (digest != name_.version) {
    return absl::DataLossError(
        absl::StrCat("\"", path, "\" is not the manifest of version ", name_.version.ToHex()));
  }
  return manifest;
}

absl::StatusOr<bool> ServerCopy::Stands() const {
  WAYBILL_ASSIGN_OR_RETURN(const bool there, HoldsVersion());
  if (!there) {
    return false;
  }
  const absl::StatusOr<content::Manifest> manifest = ReadManifest();
  if (absl::IsNotFound(manifest.status()) || absl::IsDataLoss(manifest.status())) {
    return false;
  }
  WAYBILL_RETURN_IF_ERROR(manifest.status());
  return true;
}

absl::Status ServerCopy::Verify(const content::Manifest& manifest,
                                const content::WorkOptions& work) const {
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory directory,
                           share_.OpenDirectory(absl::StrCat(package_path_, "/", version_name_)));
  return content::VerifyTree(manifest, directory, work);
}

absl::StatusOr<content::BuildResult> ServerCopy::Publish(
    const content::Manifest& manifest, const tree::Directory& source,
    const std::function<absl::Status()>& before_publish, const content::WorkOptions& work) const {
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory package, share_.MakeDirectories(package_path_));
  WAYBILL_RETURN_IF_ERROR(RemoveLeftovers(package));
  const std::string built = TemporaryName("");
  WAYBILL_RETURN_IF_ERROR(package.MakeDirectory(built, 0700));
  const auto build = [&]() -> absl::StatusOr<content::BuildResult> {
    WAYBILL_ASSIGN_OR_RETURN(const tree::Directory destination, package.OpenDirectory(built));
    WAYBILL_ASSIGN_OR_RETURN(content::BuildResult result,
                             content::CopyTree(manifest, source, destination, work));
    WAYBILL_RETURN_IF_ERROR(destination.SetMode(0755));
    WAYBILL_RETURN_IF_ERROR(destination.Sync());
    WAYBILL_RETURN_IF_ERROR(WriteManifest(package, manifest));
    WAYBILL_RETURN_IF_ERROR(before_publish());
    WAYBILL_RETURN_IF_ERROR(Switch(package, built));
    return result;
  };
  absl::StatusOr<content::BuildResult> result = build();
  // Also when it failed: a full disk should not stay full until the next attempt.
  const absl::Status cleaned = RemoveLeftovers(package);
  WAYBILL_RETURN_IF_ERROR(result.status());
  WAYBILL_RETURN_IF_ERROR(cleaned);
  WAYBILL_RETURN_IF_ERROR(PointCurrent(package));
  return result;
}

absl::Status ServerCopy::Adopt(const content::Manifest& manifest) const {
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory package, share_.OpenDirectory(package_path_));
  WAYBILL_RETURN_IF_ERROR(RemoveLeftovers(package));
  const absl::StatusOr<content::Manifest> standing = ReadManifest();
  if (!standing.ok()) {
    WAYBILL_RETURN_IF_ERROR(WriteManifest(package, manifest));
  }
  return PointCurrent(package);
}

absl::Status ServerCopy::RemoveLeftovers(const tree::Directory& package) const {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<tree::Entry> entries, package.List());
  for (const tree::Entry& entry : entries) {
    if (IsTemporaryName(entry.name)) {
      WAYBILL_RETURN_IF_ERROR(package.RemoveTree(entry.name));
    }
  }
  return absl::OkStatus();
}

absl::Status ServerCopy::WriteManifest(const tree::Directory& package,
                                       const content::Manifest& manifest) const {
  const std::string temporary = TemporaryName(".manifest");
  WAYBILL_ASSIGN_OR_RETURN(tree::File file, package.CreateFile(temporary));
  content::FileSink sink(file);
  WAYBILL_RETURN_IF_ERROR(
      ReadAll(*manifest.NewSource(), [&](absl::string_view bytes) { return sink.Append(bytes); }));
  WAYBILL_RETURN_IF_ERROR(file.SetMode(0644));
  WAYBILL_RETURN_IF_ERROR(file.Sync());
  return package.Rename(temporary, package, ManifestName(name_.version));
}

// One rename for a new name. Where a damaged directory has the name, the two change places, so
// that there is no instant without one; where the file system cannot do that, the damaged one is
// moved aside first.
absl::Status ServerCopy::Switch(const tree::Directory& package, const std::string& built) const {
  absl::Status status = package.RenameNoReplace(built, package, version_name_);
  if (absl::IsAlreadyExists(status)) {
    status = package.Exchange(built, package, version_name_);
  }
  if (!status.ok() && IsNotSupported(status)) {
    WAYBILL_RETURN_IF_ERROR(
        OkIfAbsent(package.Rename(version_name_, package, TemporaryName(".damaged"))));
    status = package.Rename(built, package, version_name_);
  }
  WAYBILL_RETURN_IF_ERROR(status);
  return package.Sync();
}

absl::Status ServerCopy::PointCurrent(const tree::Directory& package) const {
  const absl::StatusOr<std::string> standing = package.ReadLink(kCurrent);
  if (standing.ok() && *standing == version_name_) {
    return absl::OkStatus();
  }
  const std::string temporary = TemporaryName(".current");
  const absl::Status made = package.MakeLink(temporary, version_name_);
  if (IsNotSupported(made)) {
    return absl::OkStatus();  // Nothing but people needs the link.
  }
  WAYBILL_RETURN_IF_ERROR(made);
  WAYBILL_RETURN_IF_ERROR(package.Rename(temporary, package, kCurrent));
  return package.Sync();
}

absl::Status ServerCopy::Remove(const std::function<bool()>& cancelled) const {
  const absl::StatusOr<tree::Directory> package = share_.OpenDirectory(package_path_);
  if (absl::IsNotFound(package.status())) {
    return absl::OkStatus();
  }
  WAYBILL_RETURN_IF_ERROR(package.status());
  WAYBILL_RETURN_IF_ERROR(RemoveFrom(*package, cancelled));
  const absl::Status removed = share_.RemoveDirectory(package_path_);
  // FAILED_PRECONDITION: other versions stand there.
  return absl::IsFailedPrecondition(removed) ? absl::OkStatus() : OkIfAbsent(removed);
}

absl::Status ServerCopy::RemoveFrom(const tree::Directory& package,
                                    const std::function<bool()>& cancelled) const {
  const absl::StatusOr<std::string> current = package.ReadLink(kCurrent);
  if (current.ok() && *current == version_name_) {
    WAYBILL_RETURN_IF_ERROR(OkIfAbsent(package.Remove(kCurrent)));
  }
  // Away from its name first: a reader finds the whole version or none.
  WAYBILL_RETURN_IF_ERROR(
      OkIfAbsent(package.Rename(version_name_, package, TemporaryName(".removed"))));
  if (cancelled()) {
    return absl::CancelledError("the removal was stopped");
  }
  WAYBILL_RETURN_IF_ERROR(RemoveLeftovers(package));
  const std::string manifest_name = ManifestName(name_.version);
  WAYBILL_RETURN_IF_ERROR(OkIfAbsent(package.Remove(manifest_name)));
  WAYBILL_RETURN_IF_ERROR(package.Sync());
  for (const std::string& name : {version_name_, manifest_name}) {
    WAYBILL_ASSIGN_OR_RETURN(const bool there, package.Exists(name));
    if (there) {
      return StillThere(package_path_, name);
    }
  }
  return absl::OkStatus();
}

}  // namespace waybill::despooler
