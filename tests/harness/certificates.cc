#include "tests/harness/certificates.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/config/tls_files.h"
#include "tests/harness/require.h"
#include "tests/harness/shell.h"

namespace waybill::harness {

Certificates& Certificates::OfThisProgram() {
  static Certificates certificates;
  return certificates;
}

Certificates::Certificates() : directory_("/tmp/waybill_certs_XXXXXX") {
  if (mkdtemp(directory_.data()) == nullptr) {
    Fail("no directory for certificates");
  }
}

Certificates::~Certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void Certificates::MakeForSites(const std::vector<std::string>& site_codes) {
  std::vector<std::string> identities = {"--admin", "admin"};
  for (const std::string& site_code : site_codes) {
    identities.insert(identities.end(), {"--site", site_code});
  }
  Make(identities);
}

void Certificates::MakeForWorkstations(absl::string_view site_code,
                                       const std::vector<std::string>& sms_ids) {
  std::vector<std::string> identities;
  for (const std::string& sms_id : sms_ids) {
    identities.insert(identities.end(), {"--workstation", std::string(site_code), sms_id});
  }
  Make(identities);
}

config::TlsFiles Certificates::OfService(absl::string_view site_code,
                                         absl::string_view service) const {
  return At(absl::StrCat(site_code, "/", service));
}

config::TlsFiles Certificates::OfWorkstation(absl::string_view site_code,
                                             absl::string_view sms_id) const {
  return At(absl::StrCat(site_code, "/workstations/", sms_id));
}

void Certificates::Make(const std::vector<std::string>& identities) {
  std::vector<std::string> words = {WAYBILL_MAKE_CERTS, directory_};
  words.insert(words.end(), identities.begin(), identities.end());
  const Said said = RunProgram(words);
  if (said.exit_code != 0) {
    Fail(absl::StrCat("certificates: ", said.output));
  }
}

config::TlsFiles Certificates::At(absl::string_view name) const {
  const std::string path = absl::StrCat(directory_, "/", name);
  return {.ca_file = directory_ + "/ca.pem",
          .certificate_file = path + ".pem",
          .key_file = path + ".key",
          .crl_directory = ""};
}

}  // namespace waybill::harness
