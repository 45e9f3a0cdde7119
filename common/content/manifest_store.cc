#include "common/content/manifest_store.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/content/pack.h"
#include "common/random/random_id.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"

namespace waybill::content {
namespace {

constexpr absl::string_view kStagedSuffix = ".staged";

}  // namespace

StagedManifest::StagedManifest(const tree::Directory* directory, std::string name,
                               std::shared_ptr<tree::File> file)
    : directory_(directory), name_(std::move(name)), file_(std::move(file)) {}

StagedManifest::StagedManifest(StagedManifest&& other) noexcept
    : directory_(std::exchange(other.directory_, nullptr)),
      name_(std::move(other.name_)),
      file_(std::move(other.file_)),
      bytes_(other.bytes_),
      hasher_(std::move(other.hasher_)) {}

StagedManifest& StagedManifest::operator=(StagedManifest&& other) noexcept {
  if (this != &other) {
    Discard();
    directory_ = std::exchange(other.directory_, nullptr);
    name_ = std::move(other.name_);
    file_ = std::move(other.file_);
    bytes_ = other.bytes_;
    hasher_ = std::move(other.hasher_);
  }
  return *this;
}

StagedManifest::~StagedManifest() {
  Discard();
}

void StagedManifest::Discard() {
  if (directory_ != nullptr) {
    // A file that stays is removed by the next Open.
    std::exchange(directory_, nullptr)->Remove(name_).IgnoreError();
  }
}

absl::Status StagedManifest::Append(absl::string_view bytes) {
  if (directory_ == nullptr) return absl::FailedPreconditionError("the manifest is committed");
  WAYBILL_RETURN_IF_ERROR(file_->WriteFull(bytes_, bytes));
  bytes_ += static_cast<int64_t>(bytes.size());
  hasher_.Update(bytes);
  return absl::OkStatus();
}

Manifest StagedManifest::manifest() const {
  return Manifest::FromFile(file_);
}

absl::StatusOr<Digest> StagedManifest::Commit() {
  if (directory_ == nullptr) return absl::FailedPreconditionError("the manifest is committed");
  const Digest version = hasher_.Finish();
  WAYBILL_RETURN_IF_ERROR(file_->Sync());
  // Replaces one of the same name, which has the same bytes or is broken.
  WAYBILL_RETURN_IF_ERROR(directory_->Rename(name_, *directory_, version.ToHex()));
  const tree::Directory* const directory = std::exchange(directory_, nullptr);
  WAYBILL_RETURN_IF_ERROR(directory->Sync());
  return version;
}

absl::StatusOr<std::unique_ptr<ManifestStore>> ManifestStore::Open(tree::Directory directory) {
  auto store = std::unique_ptr<ManifestStore>(new ManifestStore(std::move(directory)));
  WAYBILL_RETURN_IF_ERROR(store->RemoveLeftovers());
  return store;
}

absl::Status ManifestStore::RemoveLeftovers() {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<tree::Entry> entries, directory_.List());
  for (const tree::Entry& entry : entries) {
    if (!absl::EndsWith(entry.name, kStagedSuffix)) continue;
    absl::StatusOr<tree::File> file = directory_.OpenReadWrite(entry.name);
    // Locked: its writer lives. Gone: its writer was quicker.
    if (file.ok() && file->TryLock().ok()) {
      directory_.Remove(entry.name).IgnoreError();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<StagedManifest> ManifestStore::Stage() {
  for (;;) {
    const std::string name = absl::StrCat(RandomId(), kStagedSuffix);
    WAYBILL_ASSIGN_OR_RETURN(tree::File file, directory_.CreateFile(name));
    // Between the two calls RemoveLeftovers of another process may have taken the file away.
    const absl::Status locked = file.TryLock();
    if (!locked.ok() && !absl::IsFailedPrecondition(locked)) return locked;
    WAYBILL_ASSIGN_OR_RETURN(const tree::FileInfo info, file.Stat());
    if (!locked.ok() || info.links == 0) continue;
    return StagedManifest(&directory_, name, std::make_shared<tree::File>(std::move(file)));
  }
}

absl::StatusOr<Digest> ManifestStore::Put(absl::string_view bytes) {
  WAYBILL_ASSIGN_OR_RETURN(StagedManifest staged, Stage());
  WAYBILL_RETURN_IF_ERROR(staged.Append(bytes));
  return staged.Commit();
}

absl::StatusOr<Manifest> ManifestStore::Get(const Digest& version) const {
  WAYBILL_ASSIGN_OR_RETURN(tree::File file, directory_.OpenFile(version.ToHex()));
  return Manifest::FromFile(std::make_shared<const tree::File>(std::move(file)));
}

absl::Status ManifestStore::Remove(const Digest& version) {
  const absl::Status removed = directory_.Remove(version.ToHex());
  if (absl::IsNotFound(removed)) return absl::OkStatus();
  WAYBILL_RETURN_IF_ERROR(removed);
  return directory_.Sync();
}

absl::StatusOr<std::vector<Digest>> ManifestStore::List() const {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<tree::Entry> entries, directory_.List());
  std::vector<Digest> versions;
  for (const tree::Entry& entry : entries) {
    if (const absl::StatusOr<Digest> version = Digest::FromHex(entry.name); version.ok()) {
      versions.push_back(*version);
    }
  }
  return versions;
}

}  // namespace waybill::content
