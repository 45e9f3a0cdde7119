#ifndef WAYBILL_TESTS_HARNESS_CERTIFICATES_H_
#define WAYBILL_TESTS_HARNESS_CERTIFICATES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "common/config/tls_files.h"

namespace waybill::harness {

/// Certificates of one throw-away authority, as the product's own script makes them; one for a test
/// program, whose directory goes away with it. Asking again for what is there costs nothing.
class Certificates {
 public:
  static Certificates& OfThisProgram();

  ~Certificates();

  /// One for the administrator "admin" and those of the four services of each site.
  void MakeForSites(const std::vector<std::string>& site_codes);
  void MakeForWorkstations(absl::string_view site_code, const std::vector<std::string>& sms_ids);

  config::TlsFiles OfAdmin() const { return At("admin"); }
  config::TlsFiles OfService(absl::string_view site_code, absl::string_view service) const;
  config::TlsFiles OfWorkstation(absl::string_view site_code, absl::string_view sms_id) const;

  const std::string& directory() const { return directory_; }

 private:
  Certificates();

  void Make(const std::vector<std::string>& identities);
  config::TlsFiles At(absl::string_view name) const;

  std::string directory_;
};

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_CERTIFICATES_H_
