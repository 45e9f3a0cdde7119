#ifndef WAYBILL_SERVICES_PCM_PACKAGE_CACHE_H_
#define WAYBILL_SERVICES_PCM_PACKAGE_CACHE_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/manifest.h"
#include "common/model/definition_file.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "services/pcm/http_source.h"
#include "services/pcm/package_source.h"

namespace waybill::pcm {

/// In which order a workstation tries the servers: `preferred` first, if it is listed, then an
/// order that is always the same for a workstation and differs between them, so that they spread.
std::vector<model::OfferLocation> OrderLocations(std::vector<model::OfferLocation> locations,
                                                 absl::string_view sms_id,
                                                 absl::string_view preferred);

/// Package versions that were fetched from distribution servers:
///
///     <16 hex of the version>/           a whole, verified tree
///     <16 hex>.manifest                  its manifest
///     <16 hex>.partial/                  a fetch that is not complete
///
/// A tree appears under its name by a rename. It is not synced: every use verifies all of it.
/// Thread-safe; each version is worked on by one thread at a time.
class PackageCache {
 public:
  struct Options {
    int threads = 2;  ///< That verify a tree.
    /// A version that this process verified is not verified again. For simulated workstations,
    /// which share a cache; commands that change their package then disturb each other.
    bool trusts_verified = false;
    HttpOptions http = {};
  };

  PackageCache(tree::Directory directory, const Options& options)
      : directory_(std::move(directory)), options_(options) {}

  struct Package {
    tree::Directory root;
    std::string server_name;  ///< Where it was fetched from; empty: it was here.
  };

  /// The package of `offer`, every byte of it as its manifest says, fetched from the first of
  /// `locations` that can give it: of each over HTTP, if it has a URL, and then from the directory.
  /// UNAVAILABLE, with what each of them said, if none can: what was fetched is kept for the next
  /// try. CANCELLED.
  absl::StatusOr<Package> Get(const model::Offer& offer,
                              const std::vector<model::OfferLocation>& locations,
                              const std::function<bool()>& cancelled);

  /// Removes all but these versions (64 hex digits). Not while a package of another one is in use.
  absl::Status KeepOnly(const std::set<std::string>& versions);

 private:
  struct Names;
  struct Way;

  std::shared_ptr<Mutex> MutexOf(const std::string& name);
  bool IsTrusted(const std::string& name);
  void Trust(const std::string& name);
  absl::StatusOr<content::Manifest> OpenManifest(const Names& names) const;
  absl::StatusOr<content::Manifest> FetchManifest(const Names& names, PackageSource& source) const;
  absl::StatusOr<tree::Directory> OpenVerified(const Names& names,
                                               const std::function<bool()>& cancelled);
  absl::StatusOr<tree::Directory> FetchFrom(const Names& names, const Way& way,
                                            const std::function<bool()>& cancelled);

  const tree::Directory directory_;
  const Options options_;
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<Mutex>> version_mutexes_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> trusted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_PACKAGE_CACHE_H_
