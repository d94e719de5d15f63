package lockwatch

// Version is that of this client, and of the module that it was made for.
const Version = "0.2.0"
