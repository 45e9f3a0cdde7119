#ifndef WAYBILL_SERVICES_PCM_TEST_SHARE_H_
#define WAYBILL_SERVICES_PCM_TEST_SHARE_H_

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/content/chunk_store.h"
#include "common/content/digest.h"
#include "common/content/extract.h"
#include "common/content/import.h"
#include "common/content/manifest.h"
#include "common/content/manifest_store.h"
#include "common/model/definition_file.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"

namespace waybill::pcm {

/// A package as it stands on distribution servers: made of real files by the same code.
class TestShare {
 public:
  struct SourceFile {
    std::string path;
    std::string bytes;
    bool executable = false;
  };

  /// `links` are pairs of path and target.
  explicit TestShare(const std::vector<SourceFile>& files,
                     const std::vector<std::pair<std::string, std::string>>& links = {}) {
    const tree::Directory source = root_.MakeDirectories("source").value();
    for (const SourceFile& file : files) {
      const std::size_t slash = file.path.rfind('/');
      if (slash != std::string::npos) {
        EXPECT_TRUE(source.MakeDirectories(file.path.substr(0, slash)).ok());
      }
      tree::WriteOptions options;
      options.mode = file.executable ? 0755 : 0644;
      options.durable = false;
      EXPECT_TRUE(source.WriteFile(file.path, file.bytes, options).ok());
    }
    for (const auto& [path, target] : links) {
      EXPECT_TRUE(source.MakeLink(path, target).ok());
    }
    content::ImportOptions options;
    options.package_id = "CEN00001";
    content::ImportResult imported = content::ImportTree(source, *store_, options).value();
    version_ = imported.manifest.Commit().value();
  }

  const tree::Directory& root() const { return root_; }
  const content::Digest& version() const { return version_; }
  content::Manifest manifest() const { return store_->manifests().Get(version_).value(); }

  /// Where the version's directory of a server is, relative to root().
  std::string Standing(const std::string& server_name) const {
    return absl::StrCat(server_name, "/CEN00001/", version_.Prefix16Hex());
  }

  /// Puts a whole copy on a server.
  model::OfferLocation Publish(const std::string& server_name) {
    const std::string standing = Standing(server_name);
    const tree::Directory tree = root_.MakeDirectories(standing).value();
    EXPECT_TRUE(content::ExtractTree(manifest(), *store_, tree).ok());
    const std::string bytes =
        root_.ReadFile(absl::StrCat("store/manifests/", version_.ToHex()), 1 << 20).value();
    EXPECT_TRUE(root_.WriteFile(absl::StrCat(standing, ".manifest"), bytes).ok());
    return {.server_name = server_name,
            .directory = absl::StrCat(directory_.path(), "/", standing)};
  }

  /// An optional offer of it, at `locations`.
  model::Offer MakeOffer(const std::string& job_id, std::vector<std::string> arguments,
                         std::vector<model::OfferLocation> locations,
                         absl::Time offer_after) const {
    model::Offer offer;
    offer.job_id = job_id;
    offer.package_id = "CEN00001";
    offer.package_name = "office";
    offer.version = version_.ToHex();
    offer.plain_bytes = 1000;
    offer.command_name = "install";
    offer.arguments = std::move(arguments);
    offer.time_limit = absl::Minutes(1);
    offer.success_exit_codes = {0};
    offer.offer_after = offer_after;
    offer.locations = std::move(locations);
    return offer;
  }

 private:
  const tree::TestDirectory directory_;
  const tree::Directory root_ = directory_.Open();
  const std::unique_ptr<content::ChunkStore> store_ =
      content::ChunkStore::Open(root_.MakeDirectories("store").value()).value();
  content::Digest version_;
};

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_TEST_SHARE_H_
