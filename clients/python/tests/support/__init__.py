"""What the tests share: web servers, clusters, certificates, and waiting."""
