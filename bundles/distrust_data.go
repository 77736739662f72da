// Code generated from distrust.json by go run ./internal/gen. DO NOT EDIT.

package bundles

// builtinDistrust returns the lists in this program, and when they were checked.
func builtinDistrust() (string, []*Distrust) {
	return "2026-11-28", []*Distrust{
		{Name: "affirmtrust", Title: "AffirmTrust roots", Since: "2024-11-30", After: "2024-11-30T23:59:59Z", Why: "Mozilla trusts nothing of it that was issued after 30 November 2024", Certificates: []Known{
			{Name: "AffirmTrust Commercial", SHA256: "0376ab1d54c5f9803ce4b2e201a0ee7eef7b57b636e8a93c9b8d4860c96f5fa7", NotAfter: "2030-12-31"},
			{Name: "AffirmTrust Networking", SHA256: "0a81ec5a929777f145904af38d5d509f66b5e2c58fcdb531058b0e17f3f0b41b", NotAfter: "2030-12-31"},
			{Name: "AffirmTrust Premium", SHA256: "70a73f7f376b60074248904534b11482d5bf0e698ecc498df52577ebf2e93b9a", NotAfter: "2040-12-31"},
			{Name: "AffirmTrust Premium ECC", SHA256: "bd71fdf6da97e4cf62d1647add2581b07d79adf8397eb4ecba9c5e8488821423", NotAfter: "2040-12-31"},
		}, Evidence: DistrustEvidence{Date: "2026-11-28", Confidence: "high", Sources: []string{"golang.org/x/crypto/x509roots/fallback of 2025-04-06: distrustAfter", "the same of 2026-09-29: removed"}}},
		{Name: "comodo-aaa", Title: "Comodo AAA Certificate Services", Since: "2026-10-20", Why: "it signed intermediates of emSign whose keys became public in October 2026, and Debian blocks it", Certificates: []Known{
			{Name: "AAA Certificate Services", SHA256: "d7a7a0fb5d7e2731d771e9484ebcdef71d5f0c3e0a2948782bc83ee0ea699ef4", NotAfter: "2028-12-31"},
		}, Evidence: DistrustEvidence{Date: "2026-11-28", Confidence: "medium", Sources: []string{"changelog of Debian's ca-certificates 20250419~deb12u2 (Debian bug 1151413)"}, Notes: "SSL.com and others used it for cross-signed chains of old clients."}},
		{Name: "e-tugra", Title: "E-Tugra roots", Since: "2024-02-04", Why: "Mozilla removed them, and the distributions with it", Certificates: []Known{
			{Name: "E-Tugra Certification Authority", SHA256: "b0bfd52bb0d7d9bd92bf5d4dc13da255c02c542f378365ea893911f55e55f23c", NotAfter: "2023-03-03"},
			{Name: "E-Tugra Global Root CA ECC v3", SHA256: "873f4685fa7f563625252e6d36bcd7f16fc24951f264e47e1b954f4908cdca13", NotAfter: "2045-03-12"},
			{Name: "E-Tugra Global Root CA RSA v3", SHA256: "ef66b0b10a3cdb9f2e3648c76bd2af18ead2bfe6f117655e28c4060da1a3f4c2", NotAfter: "2045-03-12"},
		}, Evidence: DistrustEvidence{Date: "2026-11-28", Confidence: "high", Sources: []string{"ca-certificates 20230311+deb12u1 holds them; its changelog for 20240203 (Mozilla bundle 2.64) removes them", "Debian bug 1032916"}}},
		{Name: "emsign", Title: "emSign (eMudhra): intermediates whose keys are public, and their roots", Since: "2026-10-17", Why: "private keys of eight of its intermediates became public (CVE-2026-111943)", Certificates: []Known{
			{Name: "emSign ECC Root CA - C3", SHA256: "bc4d809b15189d78db3e1d8cf4f9726a795da1643ca5f1358e1ddb0edc0d7eb3", NotAfter: "2043-02-18"},
			{Name: "emSign ECC Root CA - G3", SHA256: "86a1ecba089c4a8d3bbe2734c612ba341d813e043cf9e8a862cd5c57a36bbe6b", NotAfter: "2043-02-18"},
			{Name: "emSign Root CA - C1", SHA256: "125609aa301da0a249b97a8239cb6a34216f44dcac9f3954b14292f2e8c8608f", NotAfter: "2043-02-18"},
		}, Keys: []DistrustedKey{
			{Name: "an intermediate whose key is public", SHA256: "ebed6475c2c2d80fcb199f3fe8dd6e6b3ce60b77eb15d4e42c3dec0c6f5b5105"},
			{Name: "an intermediate whose key is public", SHA256: "49dd353dc2b919a3770645117d0e60c16115e7d1bc259eefe734b00ea434fe5f"},
			{Name: "an intermediate whose key is public", SHA256: "e0254c7fcdc265e2f0f8a428dabb75ab4ae039b4872d62f5ee57f0877d5a8a41"},
			{Name: "an intermediate whose key is public", SHA256: "5c0660a2b164910d8ff589c18e14552e9e0ec237dcefe2cb736d41a4811f81a0"},
			{Name: "an intermediate whose key is public", SHA256: "43bffa19d6ef651451f6841e019931e96f6f2eaeff28ab4b6f1ce4576de2717b"},
			{Name: "an intermediate whose key is public", SHA256: "63ecefee431d49523bc1136c4e72d0206a477086caf606cd5cf025686c109cf8"},
			{Name: "an intermediate whose key is public", SHA256: "ec4ffa1ad0ac88081314b7aaffef6a91f97cd57291bb5ba686c5415f5eb4f6b6"},
			{Name: "an intermediate whose key is public", SHA256: "92c063d67e8f14db71d288e11266ffdaf69cbf115f7bab14f3bc2f68d25e0e30"},
		}, Evidence: DistrustEvidence{Date: "2026-11-28", Confidence: "high", Sources: []string{"crypto/x509 of Go 1.26.10: distrustedSPKIHashes", "changelog of Debian's ca-certificates 20250419~deb12u2 (DLA-4845-1)", "golang.org/x/crypto/x509roots/fallback of 2026-10-20: C1, C3 and G3 removed"}, Notes: "emSign Root CA - G1 is still in Mozilla's set of 2026-10-30. Debian blocks G3 alone; C1 and C3 left the set of Go's x509roots with it."}},
		{Name: "entrust", Title: "Entrust roots", Since: "2024-11-30", After: "2024-11-30T23:59:59Z", Why: "Mozilla trusts nothing of it that was issued after 30 November 2024", Certificates: []Known{
			{Name: "Entrust Root Certification Authority", SHA256: "73c176434f1bc6d5adf45b0e76e727287c8de57616c1e6e6141a2b2cbc7d8e4c", NotAfter: "2026-11-27"},
			{Name: "Entrust Root Certification Authority - EC1", SHA256: "02ed0eb28c14da45165c566791700d6451d7fb56f0b2ab1d3b8eb070e56edff5", NotAfter: "2037-12-18"},
			{Name: "Entrust Root Certification Authority - G2", SHA256: "43df5774b03e7fef5fe40d931a7bedf1bb2e6b42738c4e6d3841103d3aa7f339", NotAfter: "2030-12-07"},
			{Name: "Entrust.net Certification Authority (2048)", SHA256: "6dc47172e01cbcb0bf62580d895fe2b8ac9ad4f873801e0c10b9c837d21eb177", NotAfter: "2029-07-24"},
		}, Evidence: DistrustEvidence{Date: "2026-11-28", Confidence: "high", Sources: []string{"NSS certdata.txt at 9d75dfde2: CKA_NSS_SERVER_DISTRUST_AFTER", "golang.org/x/crypto/x509roots/fallback of 2025-04-06: distrustAfter"}}},
		{Name: "epki", Title: "Chunghwa Telecom ePKI Root Certification Authority", Since: "2025-04-15", After: "2025-04-15T23:59:59Z", Why: "Mozilla trusts nothing of it that was issued after 15 April 2025", Certificates: []Known{
			{Name: "ePKI Root Certification Authority", SHA256: "c0a6f4dc63a24bfdcf54ef2a6a082a0a72de35803e2ff5ff527ae5d87206dfd5", NotAfter: "2034-12-20"},
		}, Evidence: DistrustEvidence{Date: "2026-11-28", Confidence: "medium", Sources: []string{"NSS certdata.txt at 9d75dfde2: CKA_NSS_SERVER_DISTRUST_AFTER"}}},
		{Name: "globaltrust", Title: "GLOBALTRUST 2020", Since: "2024-06-30", After: "2024-06-30T00:00:00Z", Why: "Mozilla trusts nothing of it that was issued since 30 June 2024", Certificates: []Known{
			{Name: "GLOBALTRUST 2020", SHA256: "9a296a5182d1d451a2e37f439b74daafa267523329f90f9a0d2007c334e23c9a", NotAfter: "2040-06-10"},
		}, Evidence: DistrustEvidence{Date: "2026-11-28", Confidence: "high", Sources: []string{"golang.org/x/crypto/x509roots/fallback of 2025-04-06: distrustAfter", "the same of 2026-09-29: removed"}, Notes: "Debian's ca-certificates 20250419~deb12u2 still holds it."}},
		{Name: "izenpe", Title: "Izenpe.com", Since: "2026-04-15", After: "2026-04-15T23:59:59Z", Why: "Mozilla trusts nothing of it that was issued after 15 April 2026", Certificates: []Known{
			{Name: "Izenpe.com", SHA256: "2530cc8e98321502bad96f9b1fba1b099e2d299e0f4548bb914f363bc0d4531f", NotAfter: "2037-12-13"},
		}, Evidence: DistrustEvidence{Date: "2026-11-28", Confidence: "high", Sources: []string{"golang.org/x/crypto/x509roots/fallback of 2026-10-30: distrustAfter", "announcement of the NSS release of April 2026 on dev-security-policy@mozilla.org"}}},
		{Name: "trustcor", Title: "TrustCor roots", Since: "2024-02-04", Why: "Mozilla removed them, and the distributions with it", Certificates: []Known{
			{Name: "TrustCor ECA-1", SHA256: "5a885db19c01d912c5759388938cafbbdf031ab2d48e91ee15589b42971d039c", NotAfter: "2029-12-31"},
			{Name: "TrustCor RootCert CA-1", SHA256: "d40e9c86cd8fe468c1776959f49ea774fa548684b6c406f3909261f4dce2575c", NotAfter: "2029-12-31"},
			{Name: "TrustCor RootCert CA-2", SHA256: "0753e940378c1bd5e3836e395daea5cb839e5046f1bd0eae1951cf10fec7c965", NotAfter: "2034-12-31"},
		}, Evidence: DistrustEvidence{Date: "2026-11-28", Confidence: "high", Sources: []string{"ca-certificates 20230311+deb12u1 holds them; its changelog for 20240203 (Mozilla bundle 2.64) removes them", "Debian bug 1023945"}}},
	}
}
