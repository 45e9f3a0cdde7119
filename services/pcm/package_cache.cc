#include "services/pcm/package_cache.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

#include "common/content/byte_stream.h"
#include "common/content/digest.h"
#include "common/content/extract.h"
#include "common/content/manifest.h"
#include "common/logging/log.h"
#include "common/model/definition_file.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"
#include "services/pcm/directory_source.h"
#include "services/pcm/http_source.h"
#include "services/pcm/package_source.h"
#include "services/pcm/tree_fetch.h"

namespace waybill::pcm {
namespace {

constexpr std::size_t kNameDigits = 16;

}  // namespace

struct PackageCache::Names {
  explicit Names(const std::string& the_version)
      : version(the_version),
        tree(the_version.substr(0, kNameDigits)),
        manifest(absl::StrCat(tree, ".manifest")),
        unchecked_manifest(absl::StrCat(tree, ".manifest.partial")),
        partial(absl::StrCat(tree, ".partial")) {}

  const std::string version;
  const std::string tree;
  const std::string manifest;
  const std::string unchecked_manifest;
  const std::string partial;
};

/// One way to a copy.
struct PackageCache::Way {
  const model::OfferLocation& location;
  bool over_http = false;

  /// Each location's, the better one first.
  static std::vector<Way> Of(const std::vector<model::OfferLocation>& locations) {
    std::vector<Way> ways;
    for (const model::OfferLocation& location : locations) {
      if (!location.url.empty()) ways.push_back({.location = location, .over_http = true});
      ways.push_back({.location = location});
    }
    return ways;
  }

  absl::StatusOr<std::unique_ptr<PackageSource>> Open(
      const HttpOptions& options, const std::function<bool()>& cancelled) const {
    return over_http ? OpenHttpSource(location.url, options, cancelled)
                     : OpenDirectorySource(location.directory);
  }

  /// For people: "DS1 over HTTP" or "DS1".
  std::string Name() const {
    return absl::StrCat(location.server_name, over_http ? " over HTTP" : "");
  }
};

std::vector<model::OfferLocation> OrderLocations(std::vector<model::OfferLocation> locations,
                                                 absl::string_view sms_id,
                                                 absl::string_view preferred) {
  const auto rank = [&](const model::OfferLocation& location) {
    const std::uint64_t hash =
        content::Sha256::Of(absl::StrCat(sms_id, "|", location.server_name)).prefix64();
    return std::make_tuple(location.server_name != preferred, hash, location.directory);
  };
  std::sort(locations.begin(), locations.end(),
            [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return locations;
}

std::shared_ptr<Mutex> PackageCache::MutexOf(const std::string& name) {
  const MutexLock lock(mutex_);
  std::shared_ptr<Mutex>& mutex = version_mutexes_[name];
  if (mutex == nullptr) mutex = std::make_shared<Mutex>();
  return mutex;
}

bool PackageCache::IsTrusted(const std::string& name) {
  const MutexLock lock(mutex_);
  return options_.trusts_verified && trusted_.contains(name);
}

void PackageCache::Trust(const std::string& name) {
  const MutexLock lock(mutex_);
  trusted_.insert(name);
}

absl::StatusOr<PackageCache::Package> PackageCache::Get(
    const model::Offer& offer, const std::vector<model::OfferLocation>& locations,
    const std::function<bool()>& cancelled) {
  WAYBILL_RETURN_IF_ERROR(content::Digest::FromHex(offer.version).status());
  const Names names(offer.version);
  const std::shared_ptr<Mutex> mutex = MutexOf(names.tree);
  const MutexLock lock(*mutex);
  absl::StatusOr<tree::Directory> standing = OpenVerified(names, cancelled);
  if (standing.ok() || absl::IsCancelled(standing.status())) {
    WAYBILL_RETURN_IF_ERROR(standing.status());
    return Package{.root = *std::move(standing), .server_name = ""};
  }
  if (!absl::IsNotFound(standing.status())) {
    log::Warning("a cached package is not what it was: it is fetched again",
                 {{"version", offer.version}, {"error", standing.status()}});
  }
  WAYBILL_RETURN_IF_ERROR(directory_.RemoveTree(names.tree));
  std::vector<std::string> reasons;
  for (const Way& way : Way::Of(locations)) {
    absl::StatusOr<tree::Directory> fetched = FetchFrom(names, way, cancelled);
    if (fetched.ok()) {
      return Package{.root = *std::move(fetched), .server_name = way.location.server_name};
    }
    if (absl::IsCancelled(fetched.status())) return fetched.status();
    log::Warning("cannot fetch a package from a server", {{"server_name", way.location.server_name},
                                                          {"over_http", way.over_http},
                                                          {"version", offer.version},
                                                          {"error", fetched.status()}});
    reasons.push_back(absl::StrCat(way.Name(), ": ", fetched.status().message()));
  }
  return absl::UnavailableError(absl::StrJoin(reasons, "; "));
}

// NOT_FOUND if it is not here, DATA_LOSS or INVALID_ARGUMENT if it is not what it should be.
absl::StatusOr<tree::Directory> PackageCache::OpenVerified(const Names& names,
                                                           const std::function<bool()>& cancelled) {
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory root, directory_.OpenDirectory(names.tree));
  if (IsTrusted(names.tree)) return root;
  WAYBILL_ASSIGN_OR_RETURN(const content::Manifest manifest, OpenManifest(names));
  WAYBILL_RETURN_IF_ERROR(content::VerifyTree(
      manifest, root, {.threads = options_.threads, .cancelled = cancelled, .progress = {}}));
  Trust(names.tree);
  return root;
}

absl::StatusOr<content::Manifest> PackageCache::OpenManifest(const Names& names) const {
  WAYBILL_ASSIGN_OR_RETURN(tree::File file, directory_.OpenFile(names.manifest));
  content::Manifest manifest =
      content::Manifest::FromFile(std::make_shared<const tree::File>(std::move(file)));
  WAYBILL_ASSIGN_OR_RETURN(const content::ManifestIndex index, content::IndexManifest(manifest));
  if (index.version.ToHex() != names.version) {
    return absl::DataLossError(absl::StrCat("the manifest is of version ", index.version.ToHex()));
  }
  return manifest;
}

// It is copied first and looked at then, since the source may change under us.
absl::StatusOr<content::Manifest> PackageCache::FetchManifest(const Names& names,
                                                              PackageSource& source) const {
  absl::StatusOr<content::Manifest> known = OpenManifest(names);
  if (known.ok()) return known;
  WAYBILL_ASSIGN_OR_RETURN(tree::File copy, directory_.OpenOrCreate(names.unchecked_manifest));
  WAYBILL_RETURN_IF_ERROR(copy.Truncate(0));
  content::FileSink sink(copy);
  WAYBILL_RETURN_IF_ERROR(source.ReadManifest(sink));
  WAYBILL_RETURN_IF_ERROR(directory_.Rename(names.unchecked_manifest, directory_, names.manifest));
  return OpenManifest(names);
}

absl::StatusOr<tree::Directory> PackageCache::FetchFrom(const Names& names, const Way& way,
                                                        const std::function<bool()>& cancelled) {
  WAYBILL_ASSIGN_OR_RETURN(const std::unique_ptr<PackageSource> source,
                           way.Open(options_.http, cancelled));
  WAYBILL_ASSIGN_OR_RETURN(const content::Manifest manifest, FetchManifest(names, *source));
  WAYBILL_ASSIGN_OR_RETURN(const tree::Directory partial,
                           directory_.MakeDirectories(names.partial));
  WAYBILL_ASSIGN_OR_RETURN(const FetchCounts counts,
                           FetchTree(manifest, *source, partial, cancelled));
  WAYBILL_RETURN_IF_ERROR(directory_.RenameNoReplace(names.partial, directory_, names.tree));
  absl::StatusOr<tree::Directory> root = OpenVerified(names, cancelled);
  if (!root.ok() && !absl::IsCancelled(root.status())) {
    WAYBILL_RETURN_IF_ERROR(directory_.RemoveTree(names.tree));
  }
  log::Info("fetched a package", {{"server_name", way.location.server_name},
                                  {"over_http", way.over_http},
                                  {"version", names.version},
                                  {"fetched_bytes", counts.fetched_bytes},
                                  {"kept_bytes", counts.kept_bytes}});
  return root;
}

absl::Status PackageCache::KeepOnly(const std::set<std::string>& versions) {
  std::set<std::string> kept;
  for (const std::string& version : versions) {
    kept.insert(version.substr(0, kNameDigits));
  }
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<tree::Entry> entries, directory_.List());
  for (const tree::Entry& entry : entries) {
    if (!kept.contains(entry.name.substr(0, kNameDigits))) {
      WAYBILL_RETURN_IF_ERROR(directory_.RemoveTree(entry.name));
    }
  }
  return absl::OkStatus();
}

}  // namespace waybill::pcm
