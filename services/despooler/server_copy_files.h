#ifndef WAYBILL_SERVICES_DESPOOLER_SERVER_COPY_FILES_H_
#define WAYBILL_SERVICES_DESPOOLER_SERVER_COPY_FILES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/digest.h"
#include "common/content/extract.h"
#include "common/content/manifest.h"
#include "common/content/progress.h"
#include "common/tree/directory.h"

namespace waybill::despooler {

/// The digest of a manifest's bytes: the version that it is.
absl::StatusOr<content::Digest> DigestOf(const content::Manifest& manifest);

/// One version's copy on one SMS_PKG share, and the only code that changes a share:
///
///     SMS_PKGC/CEN00001/0123456789abcdef/            the version, whole from its first instant on
///                       0123456789abcdef.manifest    the manifest's bytes
///                       current -> 0123456789abcdef
///                       .0123456789abcdef.CEN00042.7.tmp   under work; nobody else looks at it
///
/// Who calls has the claim on server and package, whose lease keeps other writers off. Only one
/// that hung for longer than its lease may still be at work: what it builds has a name of its own,
/// and it asks the database before it publishes. Every step may be the last before a crash: done
/// again, the whole finds what is left and ends the same. Errors are those of tree::Directory and
/// of common/content, and name the path beneath the share.
class ServerCopy {
 public:
  struct Name {
    std::string drive;
    std::string package_id;
    content::Digest version;
    std::string job_id;  ///< With the fence, names what is under work.
    std::int64_t fence = 0;
    /// Directories of the package's versions, newest first, for `current`.
    std::vector<std::string> newest_first = {};
  };

  /// Borrows `share`, the share's directory.
  ServerCopy(const tree::Directory& share, Name name);

  /// Whether the version stands: its directory is there, and the manifest beside it has the
  /// version's digest. Does not read the files: Verify does.
  absl::StatusOr<bool> Stands() const;

  /// Whether a directory of the version's name is there, whatever it holds; whether one of the
  /// package is.
  absl::StatusOr<bool> HoldsVersion() const;
  absl::StatusOr<bool> HoldsPackage() const;

  /// The manifest beside the directory. DATA_LOSS unless its digest is the version.
  absl::StatusOr<content::Manifest> ReadManifest() const;

  /// DATA_LOSS unless the directory equals the manifest, byte for byte. NOT_FOUND without one.
  absl::Status Verify(const content::Manifest& manifest, const content::WorkOptions& work) const;

  /// Puts a copy of `source` there, durably: built beside, synced, published by one rename. What
  /// stands under the name already is moved aside by the same step, then removed. `before_publish`
  /// is asked last: an error of it stops, with everything as it was.
  absl::StatusOr<content::BuildResult> Publish(const content::Manifest& manifest,
                                               const tree::Directory& source,
                                               const std::function<absl::Status()>& before_publish,
                                               const content::WorkOptions& work) const;

  /// For a directory that stands and was verified: makes the manifest beside it and the link
  /// `current` right, which leads to the newest version that stands.
  absl::Status Adopt(const content::Manifest& manifest) const;

  /// Removes the copy, its manifest, what earlier attempts left, and the package's directory if it
  /// is then empty; looks that each is gone. If `current` led to it, it leads to the newest of
  /// those that stay. OK if it was gone. INTERNAL, naming what, if it still stands.
  absl::Status Remove(const std::function<bool()>& cancelled) const;

 private:
  std::string TemporaryName(absl::string_view what) const;
  absl::Status WriteManifest(const tree::Directory& package,
                             const content::Manifest& manifest) const;
  absl::Status Switch(const tree::Directory& package, const std::string& built) const;
  absl::StatusOr<std::string> ChooseCurrent(const tree::Directory& package,
                                            absl::string_view leaving) const;
  absl::Status PointCurrent(const tree::Directory& package, absl::string_view leaving) const;
  absl::Status RemoveFrom(const tree::Directory& package,
                          const std::function<bool()>& cancelled) const;

  const tree::Directory& share_;
  const Name name_;
  const std::string package_path_;
  const std::string version_name_;
};

/// What a remove job looks for on a share that may hold copies which the ledger does not know.
struct ShareSweep {
  std::string drive = {};
  std::string package_id = {};
  std::optional<content::Digest> version = {};  ///< Nothing: every one that stands.
  std::vector<content::Digest> spared = {};     ///< Those of later jobs.
  std::string job_id = {};                      ///< This and what follows: as in ServerCopy::Name.
  std::int64_t fence = 0;
  std::vector<std::string> newest_first = {};
};

/// Removes them as ServerCopy::Remove does, and what attempts at any version left. Returns how many
/// stood. OK if the package is not there.
absl::StatusOr<int> SweepShare(const tree::Directory& share, const ShareSweep& sweep,
                               const std::function<bool()>& cancelled);

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_SERVER_COPY_FILES_H_
