#include "services/scheduler/package_store.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/model/proto_time.h"
#include "common/status/status_matchers.h"
#include "services/scheduler/registry_fixture_test.h"

namespace waybill::scheduler {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr absl::Duration kLease = absl::Seconds(15);

absl::Status AllThere() {
  return absl::OkStatus();
}

// A version whose digests are those of `text`.
NewVersion MakeVersion(const std::string& package_id, const std::string& text) {
  return {.package_id = package_id,
          .version = content::Sha256::Of(text),
          .content_digest = content::Sha256::Of("content of " + text),
          .entry_count = 3,
          .file_count = 2,
          .plain_bytes = 1000,
          .stored_bytes = 400,
          .manifest_bytes = 300,
          .skipped_paths = {"\"a,b\""},
          .set_id_paths = {"\"su\""}};
}

// A registry with one package, and a lease to import it.
struct Importing : Registry {
  Importing()
      : package_id(packages.Create("r1", MakePackage("office", "/src/office"))->package_id()),
        lease(packages.TakeImportLease(package_id, "me", kLease).value()) {}

  const std::string package_id;
  const ImportLease lease;
};

TEST(PackageStoreTest, APackageIsKeptWithAllItsFields) {
  Registry registry;
  package::v1::Package package = MakePackage("office", "/src/office");
  package.set_comment("For all.");
  const auto created = registry.packages.Create("r1", package);
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->package_id(), "BOS00001");
  const auto read = registry.packages.GetById("BOS00001");
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->SerializeAsString(), created->SerializeAsString());
  EXPECT_EQ(read->comment(), "For all.");
  ASSERT_EQ(read->commands_size(), 1);
  EXPECT_EQ(read->commands(0).SerializeAsString(), package.commands(0).SerializeAsString());
  EXPECT_GT(read->create_time().seconds(), 0);
}

TEST(PackageStoreTest, ARepeatedRequestReturnsTheFirstPackage) {
  Registry registry;
  const auto first = registry.packages.Create("r1", MakePackage("office", "/src/office"));
  const auto again = registry.packages.Create("r1", MakePackage("other", "/src/other"));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(registry.packages.List("", 10)->elements.size(), 1U);
}

TEST(PackageStoreTest, ANameIsTakenOnce) {
  Registry registry;
  ASSERT_THAT(registry.packages.Create("r1", MakePackage("office", "/src/office")), IsOk());
  const auto second = registry.packages.Create("r2", MakePackage("office", "/src/office2"));
  EXPECT_THAT(second, StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("'office'"));
}

TEST(PackageStoreTest, ASourceInOrAroundAShareIsRefused) {
  Registry registry;
  ASSERT_THAT(registry.sites.PutDistributionServer(MakeServer("DS1", {{"c", "/srv/share"}})),
              IsOk());
  for (const char* source : {"/srv/share", "/srv/share/in", "/srv"}) {
    const auto created = registry.packages.Create("r1", MakePackage("office", source));
    EXPECT_THAT(created, StatusIs(StatusCode::kFailedPrecondition)) << source;
    EXPECT_THAT(std::string(created.status().message()), HasSubstr("distribution server DS1"));
  }
  EXPECT_THAT(registry.packages.Create("r1", MakePackage("office", "/srv/shared")), IsOk());
}

TEST(PackageStoreTest, PackageIdsEndAtFiveDigits) {
  Registry registry;
  registry.db.Execute("SELECT setval('waybill.package_number', 99998)");
  EXPECT_EQ(registry.packages.Create("r1", MakePackage("a", "/src/a"))->package_id(), "BOS99999");
  EXPECT_THAT(registry.packages.Create("r2", MakePackage("b", "/src/b")),
              StatusIs(StatusCode::kResourceExhausted));
}

TEST(PackageStoreTest, PackagesAreFoundByIdAndByTheNameTheyGotHere) {
  Registry registry;
  ASSERT_THAT(registry.packages.Create("r1", MakePackage("office", "/src/office")), IsOk());
  registry.db.Execute("INSERT INTO waybill.package (package_id, name) VALUES ('CEN00001', 'far')");
  EXPECT_EQ(registry.packages.GetByName("office")->package_id(), "BOS00001");
  EXPECT_EQ(registry.packages.GetById("CEN00001")->name(), "far");
  EXPECT_EQ(registry.packages.GetByName("far").status(),
            absl::NotFoundError("no such package: far"));
  EXPECT_EQ(registry.packages.GetById("BOS00009").status(),
            absl::NotFoundError("no such package: BOS00009"));
  EXPECT_EQ(registry.packages.List("", 10)->elements.size(), 2U);
}

TEST(PackageStoreTest, OneImportOfAPackageRunsAtATime) {
  Importing registry;
  const auto second = registry.packages.TakeImportLease(registry.package_id, "other", kLease);
  EXPECT_THAT(second, StatusIs(StatusCode::kAborted));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(registry.package_id));
  EXPECT_THAT(registry.packages.TakeImportLease("BOS00099", "other", kLease), IsOk());
}

TEST(PackageStoreTest, ALeaseThatEndedIsTakenOverAndTheOldHolderIsStopped) {
  Importing registry;
  registry.db.Execute("UPDATE waybill.lease SET end_time = now() - interval '1 second'");
  EXPECT_THAT(registry.packages.RenewImport(registry.lease, kLease),
              StatusIs(StatusCode::kAborted));
  const auto taken = registry.packages.TakeImportLease(registry.package_id, "other", kLease);
  ASSERT_THAT(taken, IsOk());
  EXPECT_GT(taken->fence, registry.lease.fence);
  EXPECT_THAT(registry.packages.RenewImport(registry.lease, kLease),
              StatusIs(StatusCode::kAborted));
  EXPECT_THAT(registry.packages.CommitVersion(registry.lease,
                                              MakeVersion(registry.package_id, "v1"), AllThere),
              StatusIs(StatusCode::kAborted));
  EXPECT_THAT(registry.packages.EndImport(registry.lease), IsOk());  // Does not touch the other's.
  EXPECT_THAT(registry.packages.RenewImport(*taken, kLease), IsOk());
  EXPECT_EQ(registry.Text("SELECT count(*) FROM waybill.package_version"), "0");
}

TEST(PackageStoreTest, AnImportsPinIsPutUnderTheLockThatWhoeverUnlinksPacksNeeds) {
  Importing registry;
  registry.db.Execute(
      "CREATE TABLE seen (locks bigint);"
      "CREATE FUNCTION note_locks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "INSERT INTO seen SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND "
      "locktype = 'advisory' AND mode = 'ShareLock' AND granted; RETURN NEW; END $$;"
      "CREATE TRIGGER note_locks BEFORE INSERT ON waybill.pin FOR EACH ROW "
      "EXECUTE FUNCTION note_locks()");
  ASSERT_THAT(registry.packages.TakeImportLease("BOS00099", "me", kLease), IsOk());
  EXPECT_EQ(registry.Text("SELECT locks FROM seen"), "1");
}

TEST(PackageStoreTest, RenewingProlongsLeaseAndPin) {
  Importing registry;
  registry.db.Execute(
      "UPDATE waybill.lease SET end_time = now() + interval '1 second';"
      "UPDATE waybill.pin SET end_time = now() + interval '1 second'");
  ASSERT_THAT(registry.packages.RenewImport(registry.lease, kLease), IsOk());
  EXPECT_EQ(registry.Text("SELECT (l.end_time > now() + interval '10 seconds' AND "
                          "p.end_time = l.end_time AND p.version IS NULL)::text "
                          "FROM waybill.lease l, waybill.pin p"),
            "true");
}

TEST(PackageStoreTest, AnImportWhosePinIsGoneIsStopped) {
  Importing registry;
  registry.db.Execute("DELETE FROM waybill.pin");
  EXPECT_THAT(registry.packages.RenewImport(registry.lease, kLease),
              StatusIs(StatusCode::kAborted));
}

TEST(PackageStoreTest, EndingAnImportLetsTheNextBeginWithAHigherFence) {
  Importing registry;
  ASSERT_THAT(registry.packages.EndImport(registry.lease), IsOk());
  EXPECT_EQ(registry.Text("SELECT count(*) FROM waybill.pin"), "0");
  const auto next = registry.packages.TakeImportLease(registry.package_id, "other", kLease);
  ASSERT_THAT(next, IsOk());
  EXPECT_GT(next->fence, registry.lease.fence);
}

TEST(PackageStoreTest, ACommittedVersionIsReadBackAsItWasFound) {
  Importing registry;
  const NewVersion version = MakeVersion(registry.package_id, "v1");
  const auto committed = registry.packages.CommitVersion(registry.lease, version, AllThere);
  ASSERT_THAT(committed, IsOk());
  EXPECT_EQ(committed->version(), version.version.ToHex());
  EXPECT_EQ(committed->content_digest(), version.content_digest.ToHex());
  EXPECT_EQ(committed->entry_count(), 3);
  EXPECT_EQ(committed->file_count(), 2);
  EXPECT_EQ(committed->plain_bytes(), 1000);
  EXPECT_EQ(committed->stored_bytes(), 400);
  EXPECT_THAT(committed->skipped_paths(), ElementsAre("\"a,b\""));
  EXPECT_THAT(committed->set_id_paths(), ElementsAre("\"su\""));
  const auto versions = registry.packages.ListVersions(registry.package_id, {}, 10);
  ASSERT_THAT(versions, IsOk());
  ASSERT_EQ(versions->elements.size(), 1U);
  EXPECT_EQ(versions->elements.front().SerializeAsString(), committed->SerializeAsString());
}

TEST(PackageStoreTest, AVersionWithoutItsChunksDoesNotBecomeVisible) {
  Importing registry;
  EXPECT_THAT(
      registry.packages.CommitVersion(registry.lease, MakeVersion(registry.package_id, "v1"),
                                      [] { return absl::AbortedError("2 are missing"); }),
      StatusIs(StatusCode::kAborted));
  EXPECT_THAT(*registry.packages.FindNewestVersion(registry.package_id), testing::Eq(std::nullopt));
}

TEST(PackageStoreTest, VersionsComeNewestFirstAndAReturningOneBecomesTheNewest) {
  Importing registry;
  const NewVersion one = MakeVersion(registry.package_id, "v1");
  const NewVersion two = MakeVersion(registry.package_id, "v2");
  for (const NewVersion* version : {&one, &two}) {
    ASSERT_THAT(registry.packages.CommitVersion(registry.lease, *version, AllThere), IsOk());
  }
  EXPECT_EQ((*registry.packages.FindNewestVersion(registry.package_id))->version(),
            two.version.ToHex());
  ASSERT_THAT(registry.packages.CommitVersion(registry.lease, one, AllThere), IsOk());
  const auto versions = registry.packages.ListVersions(registry.package_id, {}, 10);
  ASSERT_THAT(versions, IsOk());
  ASSERT_EQ(versions->elements.size(), 2U);
  EXPECT_EQ(versions->elements[0].version(), one.version.ToHex());
}

TEST(PackageStoreTest, TheCollectorWaitsForACommitUnderWay) {
  Importing registry;
  std::string exclusive;
  const auto try_to_collect = [&] {
    exclusive = registry.Text("SELECT pg_try_advisory_xact_lock(7305808869231651)::text");
    return absl::OkStatus();
  };
  ASSERT_THAT(registry.packages.CommitVersion(
                  registry.lease, MakeVersion(registry.package_id, "v1"), try_to_collect),
              IsOk());
  EXPECT_EQ(exclusive, "false");
}

TEST(PackageStoreTest, LocationsAreTheStoresAndTheServers) {
  Importing registry;
  const NewVersion version = MakeVersion(registry.package_id, "v1");
  ASSERT_THAT(registry.packages.CommitVersion(registry.lease, version, AllThere), IsOk());
  const std::string hex = version.version.ToHex();
  registry.db.Execute(
      "INSERT INTO waybill.holding (site_code, package_id, version) VALUES ('LAB', 'BOS00001', "
      "'\\x" +
      hex +
      "');"
      "INSERT INTO waybill.location (site_code, server_name, package_id, version, drive, "
      "directory, "
      "plain_bytes) VALUES ('BOS', 'DS1', 'BOS00001', '\\x" +
      hex + "', 'c', '/srv/x', 7)");
  const auto locations = registry.packages.ListLocations("BOS00001", {}, 10);
  ASSERT_THAT(locations, IsOk());
  ASSERT_EQ(locations->elements.size(), 3U);
  EXPECT_EQ(locations->elements[0].kind(), package::v1::LOCATION_KIND_STORE);
  EXPECT_EQ(locations->elements[0].site_code(), "BOS");
  EXPECT_EQ(locations->elements[1].kind(), package::v1::LOCATION_KIND_SERVER);
  EXPECT_EQ(locations->elements[1].server_name(), "DS1");
  EXPECT_EQ(locations->elements[1].drive(), "c");
  EXPECT_EQ(locations->elements[1].directory(), "/srv/x");
  EXPECT_EQ(locations->elements[1].plain_bytes(), 7);
  EXPECT_EQ(locations->elements[2].site_code(), "LAB");
  EXPECT_EQ(locations->elements[2].version(), hex);
  EXPECT_THAT(registry.packages.ListLocations("BOS00009", {}, 10), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(registry.packages.ListVersions("BOS00009", {}, 10), StatusIs(StatusCode::kNotFound));
}

TEST(PackageStoreTest, EachListPagesInItsOrder) {
  Registry registry;
  for (int i = 1; i <= 3; ++i) {
    const std::string n = absl::StrCat(i);
    ASSERT_THAT(registry.packages.Create("r" + n, MakePackage("p" + n, "/src/" + n)), IsOk());
    // All of one moment: the digest decides then.
    registry.db.Execute(
        "INSERT INTO waybill.package_version (package_id, version, content_digest, entry_count,"
        " file_count, plain_bytes, stored_bytes, manifest_bytes, create_time) VALUES ('BOS00001',"
        " decode(repeat('0" +
        n +
        "', 32), 'hex'), decode(repeat('00', 32), 'hex'), 1, 1, 1, 1, 1,"
        " '2026-11-24')");
  }
  auto packages = registry.packages.List("", 2);
  ASSERT_THAT(packages, IsOk());
  ASSERT_EQ(packages->elements.size(), 2U);
  EXPECT_TRUE(packages->has_next);
  EXPECT_EQ(packages->elements[1].commands_size(), 1);
  packages = registry.packages.List("BOS00002", 2);
  ASSERT_EQ(packages->elements.size(), 1U);
  EXPECT_EQ(packages->elements[0].package_id(), "BOS00003");
  EXPECT_FALSE(packages->has_next);

  VersionCursor after;
  package::v1::Location behind;
  std::string versions;
  std::string locations;
  for (int i = 1; i <= 3; ++i) {
    const auto version = registry.packages.ListVersions("BOS00001", after, 1);
    const auto location = registry.packages.ListLocations("BOS00001", behind, 1);
    ASSERT_THAT(version, IsOk());
    ASSERT_THAT(location, IsOk());
    ASSERT_EQ(version->elements.size(), 1U);
    ASSERT_EQ(location->elements.size(), 1U);
    EXPECT_EQ(version->has_next, i < 3);
    EXPECT_EQ(location->has_next, i < 3);
    behind = location->elements[0];
    after = {*model::FromProto("", version->elements[0].create_time()),
             version->elements[0].version()};
    versions += after.version.substr(0, 2);
    locations += behind.version().substr(0, 2);
  }
  EXPECT_EQ(versions, "010203");
  EXPECT_EQ(locations, "010203");
}

TEST(PackageStoreTest, APageEndsBeforeItOutgrowsAMessage) {
  Registry registry;
  for (int i = 1; i <= 3; ++i) {
    const std::string n = absl::StrCat(i);
    ASSERT_THAT(registry.packages.Create("r" + n, MakePackage("p" + n, "/src/" + n)), IsOk());
  }
  registry.db.Execute(
      "UPDATE waybill.package_command SET arguments = ARRAY[repeat('x', 2000000)];"
      "INSERT INTO waybill.location (site_code, server_name, package_id, version, drive,"
      " directory, plain_bytes) SELECT 'BOS', 'DS' || n, 'BOS00001',"
      " decode(repeat('01', 32), 'hex'), 'c', repeat('x', 2000000), 1 FROM generate_series(1, 3) "
      "n");
  const auto packages = registry.packages.List("", 10);
  ASSERT_THAT(packages, IsOk());
  EXPECT_EQ(packages->elements.size(), 2U);
  EXPECT_TRUE(packages->has_next);
  const auto locations = registry.packages.ListLocations("BOS00001", {}, 10);
  ASSERT_THAT(locations, IsOk());
  EXPECT_EQ(locations->elements.size(), 2U);
  EXPECT_TRUE(locations->has_next);
}

}  // namespace
}  // namespace waybill::scheduler
