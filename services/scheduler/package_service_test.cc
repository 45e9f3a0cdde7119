#include "services/scheduler/package_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/content/chunk_store.h"
#include "common/model/access.h"
#include "common/rpc/call_context.h"
#include "common/rpc/channel.h"
#include "common/rpc/identity.h"
#include "common/rpc/listener.h"
#include "common/rpc/stream.h"
#include "common/rpc/test_certificates.h"
#include "common/status/status_matchers.h"
#include "common/thread/executor.h"
#include "common/tree/directory.h"
#include "common/tree/test_directory.h"
#include "services/scheduler/import_files.h"
#include "services/scheduler/registry_fixture_test.h"

namespace waybill::scheduler {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using testing::SizeIs;

// Keeps what a stream says; a caller that left takes nothing.
class Answers final : public rpc::Sink<package::v1::ImportVersionResponse> {
 public:
  bool Write(package::v1::ImportVersionResponse message) override {
    if (gone) {
      return false;
    }
    all.push_back(std::move(message));
    return true;
  }

  std::vector<package::v1::ImportVersionResponse> all;
  bool gone = false;
};

class PackageServiceTest : public testing::Test, public Registry {
 protected:
  PackageServiceTest()
      : store(content::ChunkStore::Open(store_directory.Open()).value()),
        importer(packages, *store,
                 {.source_directories = {sources.path()}, .lease_duration = absl::Seconds(15)}),
        service({.packages = packages,
                 .importer = importer,
                 .clock = clock,
                 .source_directories = {sources.path()},
                 .store_directory = sources.path() + "/store",
                 .calls = calls,
                 .streams = streams}) {
    EXPECT_THAT(sources.Open().MakeDirectory("office"), IsOk());
    EXPECT_THAT(sources.Open().WriteFile("office/a.txt", "one"), IsOk());
  }

  package::v1::CreatePackageRequest CreateRequest(const std::string& name = "office") const {
    package::v1::CreatePackageRequest request;
    request.set_request_id("r-" + name);
    request.set_name(name);
    request.set_source_directory(sources.path() + "/" + name);
    package::v1::Command& command = *request.add_commands();
    command.set_command_name("install");
    command.add_arguments("setup");
    return request;
  }

  absl::StatusOr<package::v1::CreatePackageResponse> Create(
      const package::v1::CreatePackageRequest& request) {
    return service.HandleCreatePackage(request, call);
  }

  absl::Status Import(Answers& answers, const std::string& package_id = "BOS00001") {
    package::v1::ImportVersionRequest request;
    request.set_package_id(package_id);
    return service.HandleImportVersion(request, call, answers);
  }

  tree::TestDirectory store_directory;
  tree::TestDirectory sources;
  const clock::RealClock clock;
  const std::unique_ptr<content::ChunkStore> store;
  Importer importer;
  Executor calls{2, 4};
  Executor streams{1, 1};
  rpc::CallContext call{rpc::Identity{rpc::Role::kAdmin, "", "alice"}};
  PackageService service;
};

TEST_F(PackageServiceTest, ACreatedPackageHasAnIdAndItsDefaults) {
  const auto created = Create(CreateRequest());
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->package().package_id(), "BOS00001");
  EXPECT_EQ(created->package().commands(0).time_limit().seconds(), 3600);
  EXPECT_EQ(created->package().commands(0).success_exit_codes(0), 0);
  EXPECT_EQ(Create(CreateRequest())->package().package_id(), "BOS00001");
  EXPECT_THAT(service.HandleListPackages({}, call)->packages(), SizeIs(1));
}

TEST_F(PackageServiceTest, ABadOrderIsRefusedNamingTheField) {
  package::v1::CreatePackageRequest request = CreateRequest();
  request.clear_request_id();
  EXPECT_THAT(std::string(Create(request).status().message()), HasSubstr("request_id"));
  request = CreateRequest();
  request.mutable_commands(0)->set_arguments(0, "../setup");
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
  request = CreateRequest();
  request.set_source_directory("/etc");
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(Text("SELECT count(*) FROM waybill.package"), "0");
}

TEST_F(PackageServiceTest, ASourceThatOverlapsTheStoreIsRefused) {
  package::v1::CreatePackageRequest request = CreateRequest();
  for (const std::string& source : {sources.path(), sources.path() + "/store/packs"}) {
    request.set_source_directory(source);
    const auto created = Create(request);
    EXPECT_THAT(created, StatusIs(StatusCode::kFailedPrecondition)) << source;
    EXPECT_THAT(std::string(created.status().message()), HasSubstr("the package store"));
  }
}

TEST_F(PackageServiceTest, PackagesAreReadByIdOrName) {
  ASSERT_THAT(Create(CreateRequest()), IsOk());
  package::v1::GetPackageRequest request;
  request.set_name("office");
  EXPECT_EQ(service.HandleGetPackage(request, call)->package().package_id(), "BOS00001");
  request.set_package_id("BOS00001");
  request.set_name("ignored");
  EXPECT_EQ(service.HandleGetPackage(request, call)->package().name(), "office");
  request.set_package_id("BOS00002");
  EXPECT_THAT(service.HandleGetPackage(request, call), StatusIs(StatusCode::kNotFound));
  request.set_package_id("x");
  EXPECT_THAT(service.HandleGetPackage(request, call), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(service.HandleGetPackage({}, call), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(PackageServiceTest, AnImportShowsProgressAndThenTheVersion) {
  ASSERT_THAT(Create(CreateRequest()), IsOk());
  Answers answers;
  ASSERT_THAT(Import(answers), IsOk());
  ASSERT_GE(answers.all.size(), 2U);
  for (std::size_t i = 0; i + 1 < answers.all.size(); ++i) {
    EXPECT_TRUE(answers.all[i].has_progress());
    EXPECT_FALSE(answers.all[i].has_version());
  }
  const package::v1::ImportVersionResponse& last = answers.all.back();
  EXPECT_FALSE(last.has_progress());
  EXPECT_EQ(last.version().file_count(), 1);
  EXPECT_FALSE(last.unchanged());
  EXPECT_GT(last.new_stored_bytes(), 0);
  Answers again;
  ASSERT_THAT(Import(again), IsOk());
  EXPECT_TRUE(again.all.back().unchanged());
  EXPECT_EQ(again.all.back().version().version(), last.version().version());
}

TEST_F(PackageServiceTest, AnImportEndsWhenItsCallerLeaves) {
  ASSERT_THAT(Create(CreateRequest()), IsOk());
  Answers answers;
  call.Cancel();
  EXPECT_THAT(Import(answers), StatusIs(StatusCode::kCancelled));
  EXPECT_EQ(Text("SELECT count(*) FROM waybill.package_version"), "0");
}

TEST_F(PackageServiceTest, VersionsAndLocationsAreListed) {
  ASSERT_THAT(Create(CreateRequest()), IsOk());
  Answers answers;
  ASSERT_THAT(Import(answers), IsOk());
  package::v1::ListVersionsRequest versions;
  versions.set_package_id("BOS00001");
  EXPECT_THAT(service.HandleListVersions(versions, call)->versions(), SizeIs(1));
  package::v1::ListLocationsRequest locations;
  locations.set_package_id("BOS00001");
  const auto listed = service.HandleListLocations(locations, call);
  ASSERT_THAT(listed, IsOk());
  ASSERT_THAT(listed->locations(), SizeIs(1));
  EXPECT_EQ(listed->locations(0).kind(), package::v1::LOCATION_KIND_STORE);
  versions.set_package_id("BOS00002");
  EXPECT_THAT(service.HandleListVersions(versions, call), StatusIs(StatusCode::kNotFound));
  locations.set_package_id("BOS00002");
  EXPECT_THAT(service.HandleListLocations(locations, call), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(service.HandleListVersions({}, call), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(service.HandleListLocations({}, call), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Import(answers, "x"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Import(answers, "BOS00002"), StatusIs(StatusCode::kNotFound));
}

TEST_F(PackageServiceTest, ListsPageAndTheirTokensLeadOn) {
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_THAT(Create(CreateRequest(name)), IsOk());
  }
  db.Execute(
      "INSERT INTO waybill.package_version (package_id, version, content_digest, entry_count,"
      " file_count, plain_bytes, stored_bytes, manifest_bytes)"
      " SELECT 'BOS00001', decode(repeat('0' || n, 32), 'hex'), decode(repeat('00', 32), 'hex'),"
      " 1, 1, 1, 1, 1 FROM generate_series(1, 3) n;"
      "INSERT INTO waybill.location (site_code, server_name, package_id, version, drive, directory,"
      " plain_bytes) VALUES ('BOS', 'DS1.x', 'BOS00001', decode(repeat('01', 32), 'hex'), 'c',"
      " '/c', 1)");
  std::vector<std::string> found;
  package::v1::ListPackagesRequest known;
  package::v1::ListVersionsRequest versions;
  package::v1::ListLocationsRequest locations;
  known.set_page_size(1);
  versions.set_page_size(1);
  versions.set_package_id("BOS00001");
  locations.set_page_size(1);
  locations.set_package_id("BOS00001");
  do {
    const auto page = service.HandleListPackages(known, call);
    ASSERT_THAT(page, IsOk());
    found.push_back(page->packages(0).name());
    known.set_page_token(page->next_page_token());
  } while (!known.page_token().empty());
  do {
    const auto page = service.HandleListVersions(versions, call);
    ASSERT_THAT(page, IsOk());
    found.push_back(page->versions(0).version().substr(0, 2));
    versions.set_page_token(page->next_page_token());
  } while (!versions.page_token().empty());
  do {
    const auto page = service.HandleListLocations(locations, call);
    ASSERT_THAT(page, IsOk());
    found.push_back(page->locations(0).server_name() + page->locations(0).version().substr(0, 2));
    locations.set_page_token(page->next_page_token());
  } while (!locations.page_token().empty());
  EXPECT_THAT(found,
              testing::ElementsAre("a", "b", "c", "01", "02", "03", "01", "02", "03", "DS1.x01"));
}

TEST_F(PackageServiceTest, ABadPageIsRefused) {
  package::v1::ListPackagesRequest known;
  package::v1::ListVersionsRequest versions;
  package::v1::ListLocationsRequest locations;
  versions.set_package_id("BOS00001");
  locations.set_package_id("BOS00001");
  known.set_page_size(1001);
  versions.set_page_size(-1);
  locations.set_page_size(10'001);
  const auto expect_all_refused = [&](const char* field) {
    for (const absl::Status& status : {service.HandleListPackages(known, call).status(),
                                       service.HandleListVersions(versions, call).status(),
                                       service.HandleListLocations(locations, call).status()}) {
      EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
      EXPECT_THAT(std::string(status.message()), testing::StartsWith(field));
    }
  };
  expect_all_refused("page_size");
  known.set_page_size(0);
  versions.set_page_size(0);
  locations.set_page_size(0);
  for (const char* token : {"x", "1.2", "BOS|2|DS1|zz", "||||"}) {
    known.set_page_token(token);
    versions.set_page_token(token);
    locations.set_page_token(token);
    expect_all_refused("page_token");
  }
}

TEST_F(PackageServiceTest, AnAdministratorImportsOverTlsAndAWorkstationMayNot) {
  rpc::TestCertificates certificates;
  const rpc::Identity scheduler = {rpc::Role::kService, "BOS", "scheduler"};
  const auto server_tls = certificates.Load(scheduler);
  const auto listener =
      rpc::Listener::Start({.audience = "administrators",
                            .address = "127.0.0.1:0",
                            .rules = model::AccessRulesOf("waybill.package.v1.PackageService")},
                           *server_tls, {&service});
  ASSERT_THAT(listener, IsOk());
  ASSERT_THAT(Create(CreateRequest()), IsOk());
  const auto import_as = [&](const rpc::Identity& who, std::string* version) {
    const auto tls = certificates.Load(who);
    const auto stub = package::v1::PackageService::NewStub(
        rpc::MakeChannel({.target = (*listener)->address(), .server = scheduler}, *tls));
    grpc::ClientContext context;
    rpc::SetDeadline(context, absl::Seconds(20));
    package::v1::ImportVersionRequest request;
    request.set_package_id("BOS00001");
    const auto reader = stub->ImportVersion(&context, request);
    for (package::v1::ImportVersionResponse response; reader->Read(&response);) {
      *version = response.version().version();
    }
    return reader->Finish().error_code();
  };
  std::string version;
  EXPECT_EQ(import_as({rpc::Role::kWorkstation, "BOS", "BOS00001"}, &version),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(import_as({rpc::Role::kAdmin, "", "alice"}, &version), grpc::StatusCode::OK);
  EXPECT_THAT(version, SizeIs(64));
}

}  // namespace
}  // namespace waybill::scheduler
