"""Commands of `tandem` that use a trained model, a module each; none imports a library before it runs."""
