#include "services/despooler/server_copy_files.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
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
constexpr char kManifestSuffix[] = ".manifest";
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

absl::Status RemoveLeftovers(const tree::Directory& package) {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<std::string> names, package.ListNames());
  for (const std::string& name : names) {
    if (IsTemporaryName(name)) {
      WAYBILL_RETURN_IF_ERROR(package.RemoveTree(name));
    }
  }
  return absl::OkStatus();
}

absl::Status RemoveIfEmpty(const tree::Directory& share, const std::string& package_path) {
  const absl::Status removed = share.RemoveDirectory(package_path);
  // FAILED_PRECONDITION: other versions stand there.
  return absl::IsFailedPrecondition(removed) ? absl::OkStatus() : OkIfAbsent(removed);
}

// Of a directory or manifest that has a version's name only its first half is known. That does for
// every name that is made of it; the rest is zeros.
std::optional<content::Digest> VersionNamed(absl::string_view name) {
  constexpr std::size_t kHexDigits = 64;
  absl::ConsumeSuffix(&name, kManifestSuffix);
  const auto version = content::Digest::FromHex(
      absl::StrCat(name, std::string(kHexDigits - std::min(kHexDigits, name.size()), '0')));
  if (!version.ok() || version->Prefix16Hex() != name) {
    return std::nullopt;
  }
  return *version;
}

std::set<std::string> PrefixesOf(const std::vector<content::Digest>& versions) {
  std::set<std::string> prefixes;
  for (const content::Digest& version : versions) {
    prefixes.insert(version.Prefix16Hex());
  }
  return prefixes;
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
  WAYBILL_RETURN_IF_ERROR(PointCurrent(package, ""));
  return result;
}

absl::Status ServerCopy::Adopt(const content::Manifest& manifest) const {
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory package, share_.OpenDirectory(package_path_));
  WAYBILL_RETURN_IF_ERROR(RemoveLeftovers(package));
  const absl::StatusOr<content::Manifest> standing = ReadManifest();
  if (!standing.ok()) {
    WAYBILL_RETURN_IF_ERROR(WriteManifest(package, manifest));
  }
  return PointCurrent(package, "");
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

// The newest of those that stand, but for the one that leaves. What this site does not hold, and so
// cannot compare, comes last, in the order of names. Empty if there is none.
absl::StatusOr<std::string> ServerCopy::ChooseCurrent(const tree::Directory& package,
                                                      absl::string_view leaving) const {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<std::string> names, package.ListNames());
  std::set<std::string> standing;
  for (const std::string& name : names) {
    if (VersionNamed(name).has_value() && !absl::EndsWith(name, kManifestSuffix) &&
        name != leaving) {
      standing.insert(name);
    }
  }
  for (const std::string& name : name_.newest_first) {
    if (standing.contains(name)) {
      return name;
    }
  }
  return standing.empty() ? "" : *standing.rbegin();
}

absl::Status ServerCopy::PointCurrent(const tree::Directory& package,
                                      absl::string_view leaving) const {
  WAYBILL_ASSIGN_OR_RETURN(const std::string chosen, ChooseCurrent(package, leaving));
  const absl::StatusOr<std::string> standing = package.ReadLink(kCurrent);
  if (standing.ok() ? *standing == chosen : chosen.empty()) {
    return absl::OkStatus();
  }
  if (chosen.empty()) {
    return OkIfAbsent(package.Remove(kCurrent));
  }
  const std::string temporary = TemporaryName(".current");
  const absl::Status made = package.MakeLink(temporary, chosen);
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
  return RemoveIfEmpty(share_, package_path_);
}

absl::Status ServerCopy::RemoveFrom(const tree::Directory& package,
                                    const std::function<bool()>& cancelled) const {
  WAYBILL_RETURN_IF_ERROR(PointCurrent(package, version_name_));
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

absl::StatusOr<int> SweepShare(const tree::Directory& share, const ShareSweep& sweep,
                               const std::function<bool()>& cancelled) {
  const std::string package_path = PackagePath(sweep.drive, sweep.package_id);
  const absl::StatusOr<tree::Directory> package = share.OpenDirectory(package_path);
  if (absl::IsNotFound(package.status())) {
    return 0;
  }
  WAYBILL_RETURN_IF_ERROR(package.status());
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<std::string> names, package->ListNames());
  std::set<std::string> done = PrefixesOf(sweep.spared);
  int removed = 0;
  for (const std::string& name : names) {
    const std::optional<content::Digest> version = VersionNamed(name);
    const bool is_meant = version.has_value() && (!sweep.version.has_value() ||
                                                  sweep.version->prefix64() == version->prefix64());
    if (!is_meant || !done.insert(version->Prefix16Hex()).second) {
      continue;
    }
    const ServerCopy copy(share, {.drive = sweep.drive,
                                  .package_id = sweep.package_id,
                                  .version = *version,
                                  .job_id = sweep.job_id,
                                  .fence = sweep.fence,
                                  .newest_first = sweep.newest_first});
    WAYBILL_RETURN_IF_ERROR(copy.Remove(cancelled));
    ++removed;
  }
  if (removed == 0) {
    WAYBILL_RETURN_IF_ERROR(RemoveLeftovers(*package));
    WAYBILL_RETURN_IF_ERROR(RemoveIfEmpty(share, package_path));
  }
  return removed;
}

}  // namespace waybill::despooler
