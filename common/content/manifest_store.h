#ifndef WAYBILL_COMMON_CONTENT_MANIFEST_STORE_H_
#define WAYBILL_COMMON_CONTENT_MANIFEST_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/byte_stream.h"
#include "common/content/digest.h"
#include "common/content/manifest.h"
#include "common/tree/directory.h"

namespace waybill::content {

/// A manifest on its way into the store: a locked file that nobody else sees. Commit keeps it under
/// its version; destroying it without removes it, as does the next ManifestStore::Open after a
/// crash. Movable; used by one thread at a time; the store outlives it.
class StagedManifest final : public ByteSink {
 public:
  StagedManifest(StagedManifest&&) noexcept;
  StagedManifest& operator=(StagedManifest&&) noexcept;
  ~StagedManifest() override;

  absl::Status Append(absl::string_view bytes) override;

  /// What was appended so far, for reading; good also after Commit or destruction.
  Manifest manifest() const;

  /// Puts it durably under the SHA-256 of its bytes, which is returned. OK if it is there already.
  /// Does not look at the bytes: IndexManifest does. Once.
  absl::StatusOr<Digest> Commit();

 private:
  friend class ManifestStore;
  StagedManifest(const tree::Directory* directory, std::string name,
                 std::shared_ptr<tree::File> file);
  void Discard();

  const tree::Directory* directory_;  // Null once committed or moved from.
  std::string name_;
  std::shared_ptr<tree::File> file_;
  int64_t bytes_ = 0;
  Sha256 hasher_;
};

/// The manifests of a site's store, each in a file named by its version. Several processes may
/// share the directory. Thread-safe.
class ManifestStore {
 public:
  /// Removes what crashed writers left staged.
  static absl::StatusOr<std::unique_ptr<ManifestStore>> Open(tree::Directory directory);

  absl::StatusOr<StagedManifest> Stage();

  /// Stage, append, commit.
  absl::StatusOr<Digest> Put(absl::string_view bytes);

  /// NOT_FOUND if absent. The bytes are checked when they are read, not here.
  absl::StatusOr<Manifest> Get(const Digest& version) const;

  /// OK if absent. A Manifest that is open stays readable.
  absl::Status Remove(const Digest& version);

  /// Ascending.
  absl::StatusOr<std::vector<Digest>> List() const;

 private:
  explicit ManifestStore(tree::Directory directory) : directory_(std::move(directory)) {}
  absl::Status RemoveLeftovers();

  tree::Directory directory_;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_MANIFEST_STORE_H_
